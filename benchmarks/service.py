"""A message through the whole service (design §10: p95 ≤ 150 ms at 20 messages/s), and the memory of each process.

    make run                                        # in one terminal
    .venv/bin/python benchmarks/service.py          # in another

Messages are sent at a fixed rate, each at its time whether or not earlier ones have come back, so that a slow service
cannot make itself look better by being asked less. Run it on a machine that does nothing else.
"""

import argparse
import asyncio
import json
import statistics
import time
from itertools import cycle
from pathlib import Path

import httpx
import psutil

QUESTIONS = (
    "没签劳动合同能要双倍工资吗",
    "试用期最长多久",
    "房东不退押金怎么办",
    "你好",
    "我想申请法律援助",
    "借钱不还，只有微信聊天记录",
    "离婚后孩子归谁",
    "买到假货怎么赔",
    "我在乌兰察布",
    "谢谢",
)


async def measure(url: str, rate: float, seconds: float, conversations: int) -> dict[str, float]:
    """Milliseconds a message takes, p50 and p95, and how many failed."""
    took: list[float] = []
    failed = 0
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, limits=limits) as client:
        opened = [
            (await client.post("/v1/conversations", json={"region": "150900"})).json() for _ in range(conversations)
        ]

        async def say(number: int, text: str) -> None:
            nonlocal failed
            who = opened[number % len(opened)]
            started = time.perf_counter()
            response = await client.post(
                f"/v1/conversations/{who['conversation_id']}/messages",
                json={"text": text, "client_message_id": str(number)},
                headers={"Authorization": f"Bearer {who['token']}"},
            )
            took.append((time.perf_counter() - started) * 1000)
            failed += response.status_code != 200

        texts = cycle(QUESTIONS)
        await asyncio.gather(*(say(number, next(texts)) for number in range(5)))  # warm
        took.clear()
        begun = time.perf_counter()
        tasks = []
        for number in range(5, 5 + int(rate * seconds)):
            await asyncio.sleep(max(0.0, begun + (number - 5) / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(say(number, next(texts))))
        await asyncio.gather(*tasks)
    quantiles = statistics.quantiles(took, n=100)
    return {"messages": len(took), "failed": failed, "ms_p50": quantiles[49], "ms_p95": quantiles[94]}


def memory() -> dict[str, float]:
    """MB of private and shared memory (PSS where the kernel tells it) of each process of a running `wenfa up`."""
    found: dict[str, float] = {}
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        for mark, name in (
            ("wenfa up", "up"),
            ("wenfa api", "api"),
            ("wenfa dispatcher", "dispatcher"),
            ("bot/serve.py", "rasa"),
            ("valkey", "redis"),
        ):
            if mark in command:
                full = process.memory_full_info()
                found[name] = round(getattr(full, "pss", full.rss) / 1e6, 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--rate", type=float, default=20, help="messages a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--conversations", type=int, default=40)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    runs = [
        asyncio.run(measure(arguments.url, arguments.rate, arguments.seconds, arguments.conversations))
        for _ in range(arguments.runs)
    ]
    result = {name: statistics.median(run[name] for run in runs) for name in ("ms_p50", "ms_p95", "failed")}
    for run in runs:
        print({name: round(value, 1) for name, value in run.items()})
    print("median:", {name: round(value, 1) for name, value in result.items()})
    print("memory, MB:", used := memory())
    if arguments.json:
        arguments.json.write_text(json.dumps({**result, "runs": runs, "memory_mb": used}, indent=2))


if __name__ == "__main__":
    main()

"""A message through the whole service (design §10: p95 ≤ 150 ms at 20 messages/s), and the memory of each process.

    WENFA_MESSAGES_PER_MINUTE=0 make run                    # in one terminal
    .venv/bin/python benchmarks/service.py                  # in another
    .venv/bin/python benchmarks/service.py --clients 1 8 32 # how much it bears: each client sends when it has its answer
    .venv/bin/python benchmarks/service.py --turns 500      # one conversation, as long as that

Without either, messages are sent at a fixed rate, each at its time whether or not earlier ones have come back, so that a slow
service cannot make itself look better by being asked less. Run it on a machine that does nothing else.
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
        opened = [await _begin(client) for _ in range(conversations)]

        async def say(number: int, text: str) -> None:
            nonlocal failed
            milliseconds, ok = await _say(client, opened[number % len(opened)], text, number)
            took.append(milliseconds)
            failed += not ok

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


async def clients(url: str, count: int, seconds: float) -> dict[str, float]:
    """`count` citizens, each in a conversation of their own, each sending as soon as they have their answer."""
    took: list[float] = []
    failed = 0
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60, limits=limits) as client:

        async def talk(place: int) -> None:
            nonlocal failed
            who, texts = await _begin(client), cycle(QUESTIONS[place % len(QUESTIONS) :] + QUESTIONS)
            number = 0
            while time.perf_counter() < ends:
                milliseconds, ok = await _say(client, who, next(texts), number)
                took.append(milliseconds)
                failed += not ok
                number += 1

        ends = time.perf_counter() + seconds
        await asyncio.gather(*(talk(place) for place in range(count)))
    quantiles = statistics.quantiles(took, n=100)
    return {
        "clients": count,
        "messages_per_s": len(took) / seconds,
        "failed": failed,
        "ms_p50": quantiles[49],
        "ms_p95": quantiles[94],
    }


async def turns(url: str, count: int) -> dict[str, float]:
    """One conversation of so many turns: milliseconds a message at its beginning and at its end (medians of fifty)."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        who, texts = await _begin(client), cycle(QUESTIONS)
        done = [await _say(client, who, next(texts), number) for number in range(count)]
    took = [milliseconds for milliseconds, _ in done]
    return {
        "turns": count,
        "failed": sum(not ok for _, ok in done),
        "ms_p50_first_50": statistics.median(took[5:55]),
        "ms_p50_last_50": statistics.median(took[-50:]),
    }


async def _begin(client: httpx.AsyncClient) -> dict[str, str]:
    found: dict[str, str] = (await client.post("/v1/conversations", json={"region": "150900"})).json()
    return found


async def _say(client: httpx.AsyncClient, who: dict[str, str], text: str, number: int) -> tuple[float, bool]:
    started = time.perf_counter()
    response = await client.post(
        f"/v1/conversations/{who['conversation_id']}/messages",
        json={"text": text, "client_message_id": str(number)},
        headers={"Authorization": f"Bearer {who['token']}"},
    )
    return (time.perf_counter() - started) * 1000, response.status_code == 200


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
    parser.add_argument("--clients", type=int, nargs="+", default=[])
    parser.add_argument("--turns", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.clients or arguments.turns:
        found = [asyncio.run(clients(arguments.url, count, arguments.seconds)) for count in arguments.clients]
        if arguments.turns:
            found.append(asyncio.run(turns(arguments.url, arguments.turns)))
        for each in found:
            print({name: round(value, 1) for name, value in each.items()})
        if arguments.json:
            arguments.json.write_text(json.dumps(found, indent=2))
        return
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

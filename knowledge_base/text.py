"""Turning Chinese legal and everyday text into comparable forms: normalisation and the search tokens.

Tokens are search-mode words (rjieba, the jieba algorithm in Rust) plus character bigrams: words carry meaning, bigrams
survive where the segmenter cuts a question and an article differently.
"""

import re
import unicodedata

import rjieba

_HAN_OR_WORD = re.compile(r"[\u3400-\u9fff]+|[a-z0-9]+(?:\.[0-9]+)?")
_HAN = re.compile(r"[\u3400-\u9fff]+")
# Full-width forms become half-width, except Chinese punctuation, which is how Chinese is written.
_KEPT = "，。；：！？（）、“”‘’《》〈〉【】「」—…·％"
_WIDTH = {
    code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFF5F) if chr(code) not in _KEPT
} | {0x3000: " ", 0x00A0: " ", 0x2002: " ", 0x2003: " ", 0xFEFF: "", 0x200B: ""}
_SPACE_IN_CHINESE = re.compile(
    r"(?<=[\u3400-\u9fff，。；：、）》”])[ \t]+(?=[\u3400-\u9fff0-9，。；：、（《“])|(?<=[0-9])[ \t]+(?=[\u3400-\u9fff])"
)

_FULL_WIDTH = {",": "，", ";": "；", ":": "：", "!": "！", "?": "？", "(": "（", ")": "）"}
_HALF_WIDTH = re.compile(r"(?<=[\u3400-\u9fff0-9])[,;:!?()]")

# Words that carry the asking, not the matter asked about. Left out of queries, never out of articles.
STOPWORDS = frozenset(
    [
        "的",
        "了",
        "吗",
        "呢",
        "吧",
        "啊",
        "呀",
        "嘛",
        "么",
        "是",
        "我",
        "你",
        "您",
        "他",
        "她",
        "它",
        "我们",
        "你们",
        "他们",
        "请问",
        "想问",
        "问",
        "一下",
        "咨询",
        "请",
        "怎么",
        "怎样",
        "如何",
        "什么",
        "哪些",
        "哪个",
        "哪",
        "怎么办",
        "咋办",
        "咋",
        "该",
        "能",
        "能不能",
        "可以",
        "可不可以",
        "是否",
        "有没有",
        "会",
        "会不会",
        "要",
        "要不要",
        "这",
        "那",
        "这个",
        "那个",
        "这样",
        "就",
        "都",
        "也",
        "还",
        "又",
        "才",
        "和",
        "与",
        "及",
        "或",
        "在",
        "把",
        "被",
        "对",
        "对于",
        "为",
        "为了",
        "以",
        "于",
        "而",
        "但",
        "但是",
        "如果",
        "因为",
        "所以",
        "然后",
        "之",
        "其",
        "所",
        "者",
        "吗?",
        "多少",
        "几",
        "谁",
        "啥",
        "为什么",
        "情况",
        "情况下",
        "时候",
        "时",
        "一个",
        "们",
        "里",
        "个",
        "上",
        "下",
        "并",
        "应",
        "应该",
        "应当",
        "需要",
        "属于",
        "有",
        "没有",
        "没",
        "不",
    ]
)


def normalise(text: str) -> str:
    """Half-width letters and digits, no stray spaces inside Chinese, line ends as ``\\n``, no blank lines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_WIDTH)
    lines = (_SPACE_IN_CHINESE.sub("", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def normalise_question(text: str) -> str:
    """As `normalise`, and half-width punctuation after Chinese as Chinese has it: telephones write either."""
    return _HALF_WIDTH.sub(lambda found: _FULL_WIDTH[found[0]], normalise(text))


def words(text: str) -> list[str]:
    """Search-mode words of `text`, lower case, without punctuation."""
    return [word for word in rjieba.cut_for_search(text.lower()) if _HAN_OR_WORD.fullmatch(word)]


def bigrams(text: str) -> list[str]:
    """Overlapping pairs of Chinese characters, never across punctuation."""
    return [run[i : i + 2] for run in _HAN.findall(text) for i in range(len(run) - 1)]


def tokens(text: str) -> list[str]:
    """What a document is indexed by: words and bigrams, a two-character word counting as both."""
    return words(text) + bigrams(text)


def query_tokens(text: str) -> list[str]:
    """What is looked up for a question: its tokens without the words of asking. Each at most twice.

    Bigrams that touch a stopword ("吗可", "的工") match by accident; those inside the words that are left are kept,
    and so are those over the seam of two of them.
    """
    found: list[str] = []
    for run in _HAN_OR_WORD.findall(text.lower()):
        kept: list[str] = []
        for word in [*rjieba.cut(run), ""]:
            if word and word not in STOPWORDS:
                kept.append(word)
                continue
            if kept:
                piece = "".join(kept)
                found += words(piece) + bigrams(piece)
                kept = []
    seen: dict[str, int] = {}
    result = []
    for token in found:
        if token in STOPWORDS:
            continue
        seen[token] = seen.get(token, 0) + 1
        if seen[token] <= 2:
            result.append(token)
    return result

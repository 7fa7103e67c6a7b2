"""What a question's choices say about its scale: its size, which end is good, or why nobody can tell."""

import pytest

from journey_platform.touchpoints.scales import Measure, Scale, UnknownScale, scale_of


def coded(*labels: str) -> dict[str, str]:
    """The labels by the codes 1, 2, ..."""
    return {str(code): label for code, label in enumerate(labels, start=1)}


CONTENT = (
    "<em>Extremely</em> dissatisfied",
    "Somewhat dissatisfied",
    "Neither satisfied nor dissatisfied",
    "Somewhat satisfied",
    "Extremely satisfied",
)
QUALITY = ("Very poor", "Poor", "Fair", "Good", "Excellent")
ENDS = ("1 - very unhappy", "2", "3", "4", "5", "6", "7 - very happy")
EASE = ("Very difficult", "Difficult", "Hardish", "So so", "Quite easy", "Easy", "Very easy")
AGREEMENT = (
    "Strongly disagree",
    "Disagree",
    "Rather disagree",
    "Neither agree nor disagree",
    "Rather agree",
    "Agree",
    "Strongly agree",
)


@pytest.mark.parametrize(
    ("measure", "question", "labels", "unit", "best"),
    [
        pytest.param("csat", "How was it?", CONTENT, "csat_5", "5", id="satisfied"),
        pytest.param("csat", "How was it?", CONTENT[::-1], "csat_5", "1", id="satisfied, turned"),
        pytest.param("csat", "How was it?", QUALITY, "csat_5", "5", id="good"),
        pytest.param("csat", "How was it?", ENDS, "csat_7", "7", id="only the ends are told"),
        pytest.param(
            "csat",
            "How satisfied are you?",
            ("Not at all satisfied", "Slightly satisfied", "Satisfied", "Very satisfied", "Fully satisfied"),
            "csat_5",
            "5",
            id="one word and none",
        ),
        pytest.param("ces", "How easy was it?", EASE, "ces_7", "7", id="easy"),
        pytest.param("ces", "How easy was it?", EASE[::-1], "ces_7", "1", id="easy, turned"),
        pytest.param("ces", "We made it easy for you.", AGREEMENT, "ces_7", "7", id="agrees with good"),
        pytest.param("ces", "We made it easy for you.", AGREEMENT[::-1], "ces_7", "1", id="agrees, turned"),
        pytest.param("ces", "It was hard to reach us.", AGREEMENT, "ces_7", "1", id="agrees with bad"),
        pytest.param(
            "ces", "It was not easy to reach us.", AGREEMENT, "ces_7", "1", id="agrees with not good"
        ),
        pytest.param("csat", "I am satisfied.", AGREEMENT, "csat_7", "7", id="agrees with being content"),
    ],
)
def test_a_scale_is_high_for_good(
    measure: Measure, question: str, labels: tuple[str, ...], unit: str, best: str
) -> None:
    size = len(labels)
    codes = [str(code) for code in range(1, size + 1)]
    rising = codes if best == codes[-1] else codes[::-1]
    expected = Scale(unit, dict(zip(rising, range(1, size + 1), strict=True)))
    assert scale_of(measure, question, coded(*labels)) == expected


@pytest.mark.parametrize(
    ("measure", "question", "choices", "why"),
    [
        pytest.param("csat", "?", coded(*CONTENT[:4]), "codes are not 1 to 5 or 1 to 7", id="of four"),
        pytest.param("ces", "?", coded(*CONTENT), "codes are not 1 to 7", id="effort of five"),
        pytest.param("csat", "?", {}, "codes are not", id="no choices"),
        pytest.param(
            "csat", "?", dict(zip("01234", CONTENT, strict=True)), "codes are not 1 to 5", id="from zero"
        ),
        pytest.param("csat", "?", coded(*"12345"), "do not tell which end", id="numbers only"),
        pytest.param("csat", "?", coded(*CONTENT[3:], "-", "-", "-"), "which end", id="good only"),
        pytest.param("csat", "?", coded("Slecht", "-", "-", "-", "Goed"), "which end", id="another language"),
        pytest.param("ces", "How was it?", coded(*AGREEMENT), "which end", id="agrees with nothing told"),
        pytest.param(
            "ces", "How easy or difficult was it?", coded(*AGREEMENT), "which end", id="agrees with both"
        ),
        pytest.param("csat", "?", coded(*QUALITY[1:], QUALITY[0]), "not in the order", id="shuffled"),
    ],
)
def test_a_scale_that_is_not_told_is_refused_with_the_reason(
    measure: Measure, question: str, choices: dict[str, str], why: str
) -> None:
    with pytest.raises(UnknownScale, match=why):
        scale_of(measure, question, choices)

"""What people write: subjects, complaints, praise and odd text, in sentences of our own, and their mood.

Odd text is what breaks readers: line breaks, quotes, other scripts, what a spreadsheet takes for a formula. A
mood is what is meant by whoever wrote it; the sentences are plain enough for a reader of English to see it.
"""

from typing import Final, Literal

Mood = Literal["positive", "neutral", "negative", "unknown"]

TOPICS: Final = {
    "invoice": ("Question about my invoice", "The amount on my last invoice is not what I expected."),
    "delivery": (
        "Where is my parcel?",
        "My order should have come on Monday. The tracking page says nothing.",
    ),
    "account": ("I cannot log in", "The site does not take my password, and the reset mail does not arrive."),
    "connection": ("Slow internet in the evening", "From eight until ten at night the speed drops."),
    "returns": ("Return of an order", "How do I send this back? The label does not print."),
    "router_update": (
        "No connection since the router update",
        "Since the update the router restarts each hour.",
    ),
    "report_export": (
        "The report export fails",
        "I press export, wait, and get 'Export failed'. I tried four times.",
    ),
}
ANGRY_TOPICS: Final = ("router_update", "report_export")
"""Of which people write in anger; of the others they ask."""

_ODD: Final[dict[str, Mood]] = {
    'It says:\n"try again", and again,\nand again.': "neutral",
    "شكرا، ولكن المشكلة ما زالت موجودة منذ أكثر من أسبوع": "unknown",
    "🤷‍♀️🔥 no idea what to do": "negative",
    '=HYPERLINK("https://noordlicht.example";"look at this")': "neutral",
    'semi;colon, comma, "quote" and then the tab\there': "neutral",
    "<b>not bold</b> & not a tag": "neutral",
}
ODD_LINES: Final = tuple(_ODD)
PRAISE: Final = (
    "Works as it should, thank you.",
    "The answer was quick and the people are friendly.",
    "The new router software is a real improvement.",
    "Good value, and the shop is easy to use.",
)
EASE: Final = (
    "Very difficult",
    "Difficult",
    "Rather difficult",
    "Neither easy nor difficult",
    "Rather easy",
    "Easy",
    "Very easy",
)
"""What customers may say of getting help, from worst to best: 1 to 7 points."""

CONTENT: Final = (
    "Very dissatisfied",
    "Dissatisfied",
    "Neither satisfied nor dissatisfied",
    "Satisfied",
    "Very satisfied",
)
"""What they may say of the help they got, from worst to best: 1 to 5 points."""

COMPLAINTS: Final = (
    "I had to ask three times about one thing, that is annoying.",
    "The export is a waste of time, it takes more of it than the report itself.",
    "It is annoying that shipping costs appear only at the very end.",
    "The connection is down again, and it is a problem each time.",
)
INDIFFERENT: Final = ("", "", "It is what it is.", "Nothing to add to that.")
MOTIVES: Final = {
    "shipping costs": "It is annoying to see the shipping costs so late.",
    "delivery too slow": "A week is too long for me.",
    "just looking": "",
    "payment failed": "My card was refused twice.",
    "found it elsewhere": "Cheaper in town.",
}
POSTS: Final = {
    "good": (
        "My new {product} from #{tag} arrived a day early, and it is great.",
        "Thanks to #{tag} for fixing it on the phone in five minutes 👏",
        "Switched to #{tag} last month, no regrets so far.",
        "That #{tag} shop is nicer than I thought: found a {product} there.",
    ),
    "bad": (
        "#{tag} router restarts every hour since the update, it is terrible. Anyone else?",
        "Full cart at #{tag}, then shipping costs more than the {product}. That is bad.",
        "The export failed. The export failed. The export failed. Not funny, #{tag} 🙃",
        "On hold with #{tag} for the third time this week. It is annoying.",
    ),
    "rival": (
        "#{tag} has put up its prices again.",
        "Waiting for the man from #{tag}. He should have been here at nine.",
        "My neighbours are with #{tag} and have no complaints.",
    ),
    "brand": (
        "We are open until eight tonight. #{tag}",
        "New in the shop: {product}. #{tag}",
        "We know about the trouble with the router update and are on it. #{tag}",
    ),
}

_MEANT: Final[dict[str, Mood]] = {
    **_ODD,
    **dict.fromkeys(PRAISE, "positive"),
    **dict.fromkeys(COMPLAINTS, "negative"),
    **dict.fromkeys(INDIFFERENT, "neutral"),
    **dict.fromkeys(MOTIVES.values(), "neutral"),
    MOTIVES["shipping costs"]: "negative",
    MOTIVES["payment failed"]: "negative",
    **{
        line: "negative" if topic in ANGRY_TOPICS else "neutral"
        for topic, lines in TOPICS.items()
        for line in lines
    },
}


def mood(*texts: str | None) -> Mood | None:
    """What such texts mean when they are written as one; None where nothing is written.

    What cannot be read covers the rest, and anger what is only said.
    """
    meant = [_MEANT[text] for text in texts if text]
    told: tuple[Mood, ...] = ("unknown", "negative", "positive", "neutral")
    return next((one for one in told if one in meant), None)

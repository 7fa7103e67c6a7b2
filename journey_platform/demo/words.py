"""What people write: subjects, complaints, praise and odd text, in sentences of our own.

Odd text is what breaks readers: line breaks, quotes, other scripts, what a spreadsheet takes for a formula.
"""

from typing import Final

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
        "Report export fails",
        "I press export, wait, and get 'Export failed'. I tried four times.",
    ),
}
ODD_LINES: Final = (
    'It says:\n"try again", and again,\nand again.',
    "شكرا، ولكن المشكلة ما زالت موجودة",
    "🤷‍♀️🔥 no idea what to do",
    '=HYPERLINK("https://noordlicht.example";"look here")',
    'semi;colon, comma, "quote" and a tab\there',
    "<b>not bold</b> & not a tag",
)
PRAISE: Final = (
    "Works as it should, thank you.",
    "Quick answer, friendly people.",
    "The new router software made a real difference.",
    "Good value, and the shop is easy to use.",
)
COMPLAINTS: Final = (
    "I had to ask three times about one thing.",
    "The export takes more time than the report itself.",
    "Shipping costs appear only at the very end.",
    "The connection is down again.",
)
INDIFFERENT: Final = ("", "", "It is fine.", "No remarks.")
POSTS: Final = {
    "good": (
        "My new {product} from #{tag} arrived a day early.",
        "Shout-out to #{tag} for fixing it on the phone in five minutes 👏",
        "Switched to #{tag} last month, no regrets so far.",
        "That #{tag} shop is nicer than I thought: found a {product} there.",
    ),
    "bad": (
        "#{tag} router restarts every hour since the update. Anyone else?",
        "Full cart at #{tag}, then shipping costs more than the {product}. No.",
        "Export failed. Export failed. Export failed. Thanks, #{tag} 🙃",
        "On hold with #{tag} for the third time this week.",
    ),
    "brand": (
        "We are open until eight tonight. #{tag}",
        "New in the shop: {product}. #{tag}",
        "We know about the trouble with the router update and are on it. #{tag}",
    ),
}

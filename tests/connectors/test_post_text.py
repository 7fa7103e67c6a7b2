"""What a reader sees of a post, without its HTML."""

import pytest

from connectors.social_listening.post_text import plain_text

SHORTENED = (
    '<a href="https://example.com/a/long/path"><span class="invisible">https://</span>'
    '<span class="ellipsis">example.com/a/lo</span><span class="invisible">ng/path</span></a>'
)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("<p>Toot!</p>", "Toot!", id="one paragraph"),
        pytest.param("<p>one</p><p>two</p>", "one\n\ntwo", id="paragraphs"),
        pytest.param("<p>one<br>two<br />three</p>", "one\ntwo\nthree", id="line breaks"),
        pytest.param(f"<p>see {SHORTENED}</p>", "see example.com/a/lo…", id="a shortened link"),
        pytest.param(
            '<p><span class="h-card"><a href="x" class="u-url mention">@<span>ann</span></a></span> hi</p>',
            "@ann hi",
            id="a mention",
        ),
        pytest.param('<a class="mention hashtag" href="x">#<span>hoot</span></a>', "#hoot", id="a hashtag"),
        pytest.param("<p>you can&#39;t &amp; won&rsquo;t</p>", "you can't & won’t", id="entities"),
        pytest.param("<ul><li>a</li><li>b</li></ul>", "a\nb", id="a list"),
        pytest.param("<p>a  b\n c</p>", "a b c", id="white space"),
        pytest.param("<script>alert(1)</script><p>a</p>", "a", id="no script"),
        pytest.param("<p>a</span>b <b>c", "ab c", id="tags that do not match"),
        pytest.param("1 < 2 <", "1 < 2 <", id="no tag at all"),
        pytest.param("", "", id="empty"),
    ],
)
def test_html_becomes_the_text_that_is_seen(html: str, text: str) -> None:
    assert plain_text(html) == text

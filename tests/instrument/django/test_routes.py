"""Route templates as people read them."""

import pytest

from vigie.instrument.django.routes import readable


@pytest.mark.parametrize(
    ("route", "text"),
    [
        ("", ""),
        ("^$", ""),
        ("api/v1/plans/<int:pk>/", "api/v1/plans/<int:pk>/"),
        ("robots.txt", "robots.txt"),
        ("c++/", "c++/"),
        (r"^articles/(?P<year>[0-9]{4})/$", "articles/<year>/"),
        (r"api/items\.(?P<format>[a-z0-9]+)/?$", "api/items.<format>/"),
        (r"^(?P<a>x(y)z)-(?P<b>[^/]+)\Z", "<a>-<b>"),
        (r"^(\d+)/(?:page-([0-9]+)/)?$", "<>/page-<>/"),
        (r"^(?:index|home)/$", "(index|home)/"),
        (r"^\d+/[\w-]+/x.*$", "*/*/x*"),
        (r"^.*$", "*"),
        (r"(?i)^abc(?=x)(?!y)/", "abc/"),
        (r"^a[]/]b[^]]c$", "a*b*c"),
        (r"^(?P<x>(a|b)[)(]+)/z$", "<x>/z"),
        (r"^files\-\/x\\$", r"files-/x\ ".strip()),
        ("broken([", "broken<>"),
        ("broken\\", "broken"),
    ],
)
def test_a_route_is_written_without_the_marks_of_regular_expressions(route: str, text: str) -> None:
    assert readable(route) == text

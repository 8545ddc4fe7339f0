"""Go's templates, with the functions that Loki gives them."""

from __future__ import annotations

import pytest

from vigie.store.logql.template import Template, TemplateError, TemplateSyntaxError

LABELS = {"a": "5", "name": "zoé", "json": '{"u":{"ids":[1,2.5]},"ok":true}'}
AT = 1_767_600_000_123_456_789


def made(template: str) -> str:
    return Template(template).render(LABELS, "the line", AT)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.a}}-{{.missing}}-{{ .name | ToUpper }}", "5--ZOÉ"),
        ("{{ if and .a (not .missing) }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if .missing }}1{{ else if eq .a `5` }}2{{ end }}", "2"),
        ("{{ with .a }}<{{ . }}>{{ end }}{{ with .missing }}x{{ else }}y{{ end }}", "<5>y"),
        (
            "{{ $j := fromJson .json }}{{ range $i, $x := $j.u.ids }}{{$i}}:{{$x}} {{ end }}",
            "0:1 1:2.5 ",
        ),
        (
            "{{ range fromJson `[1,2,3]` }}{{ if eq . 2.0 }}{{ break }}{{ end }}{{ . }}{{ end }}",
            "1",
        ),
        ("{{ (fromJson .json).ok }} {{ index (fromJson .json) `none` }}", "true <no value>"),
        (" a {{- ` b ` -}} c ", " a b c "),
        ("{{/* a comment */}}{{ __line__ | len }}", "8"),
        ("{{ __timestamp__ | unixEpochNanos }} {{ __timestamp__.Unix }}", f"{AT} {AT // 10**9}"),
        ("{{ date `2006-01-02T15:04:05.000Z07:00` __timestamp__ }}", "2026-01-05T08:00:00.123Z"),
        ("{{ toDate `02/01/06` `05/01/26` | unixEpoch }}", "1767571200"),
        (
            "{{ add .a 2 }} {{ div 7 -2 }} {{ mod -7 3 }} {{ divf 10 3 }}",
            "7 -3 -1 3.3333333333333335",
        ),
        ("{{ round 2.555 2 }} {{ ceil 1.2 }} {{ max 1 .a 3 }}", "2.56 2 5"),
        ('{{ printf `%05d|%-4s|%.2f|%q|%v` 42 `x` 1.0 `é"` true }}', '00042|x   |1.00|"é\\""|true'),
        ("{{ regexReplaceAll `(l)(i)` __line__ `$2${1}_` }}", "the il_ne"),
        (
            "{{ trunc 3 .name }}|{{ substr 1 3 `hello` }}|{{ `a,b` | replace `,` `;` }}",
            "zo\ufffd|el|a;b",
        ),
        ("{{ define `t` }}[{{ . }}]{{ end }}{{ template `t` .a }}", "[5]"),
        ("{{ 1 | printf `%s` }}", "%!s(int=1)"),
    ],
)
def test_a_template_makes_what_go_makes(template: str, text: str) -> None:
    assert made(template) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ div 1 0 }}",
        "{{ trunc .a `x` }}",
        "{{ .a.b }}",
        "{{ repeat -1 `x` }}",
        "{{ repeat 100000000 `x` }}",
        "{{ eq 1 `1` }}",
        "{{ regexReplaceAll `(` `a` `b` }}",
        "{{ unixToTime `12` }}",
        "{{ define `t` }}{{ template `t` }}{{ end }}{{ template `t` }}",
        "{{ printf }}",
        "{{ index .a 9 }}",
        "{{ range .a }}{{ end }}",
    ],
)
def test_a_template_may_fail_on_a_line(template: str) -> None:
    with pytest.raises(TemplateError):
        made(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ .a",
        "{{ nosuch .a }}",
        "{{ if }}x{{ end }}",
        "{{ if .a }}",
        "{{ end }}",
        "{{ $x }}",
        "{{ (.a }}",
        "{{ break }}",
        "{{ `a` `b` }}",
        "{{ .a | 5 }}",
        "{{ 'ab' }}",
    ],
)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        Template(template)

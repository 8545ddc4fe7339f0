"""vigie.tmpl: what a person reads on Slack and in a mail, as Alertmanager's templates.

What happened and how bad it is, the value against its limit (both are the alert's own texts, see
`wording.py`), since when, and where to go on. Times are those of Alertmanager's own time zone, as
its variable TZ has it, and name that zone: version 0.25 has no function for another.
"""

import re

from vigie.catalogue.signal import Dashboard, Severity
from vigie.catalogue.words import Words
from vigie.render import links
from vigie.render.wording import SEVERITIES
from vigie.settings import Settings

PATH = "alertmanager/templates/vigie.tmpl"

SLACK = {
    "username": "Vigie",
    "color": '{{ template "vigie.slack.color" . }}',
    "title": "",
    "title_link": "",
    "text": '{{ template "vigie.slack.text" . }}',
    "fallback": '{{ template "vigie.subject" . }}',
    "footer": "",
}
"""What is said on Slack: settings of `slack_configs`."""

EMAIL = {
    "headers": {
        "Subject": '{{ template "vigie.subject" . }}',
        "Auto-Submitted": "auto-generated",  # nobody's absence is to answer it
    },
    "text": '{{ template "vigie.email.text" . }}',
    "html": '{{ template "vigie.email.html" . }}',
}
"""What is said by mail: settings of `email_configs`."""


def templates(settings: Settings) -> str:
    """The text of vigie.tmpl, in the language that is set."""
    words = {name: getattr(both, settings.language) for name, both in _WORDS.items()}
    words |= {
        "logs_url": links.dashboard(settings, Dashboard.LOGS),
        "silence_url": links.silence(settings),
    }
    return re.sub(r"\[\[(\w+)\]\]", lambda match: words[match[1]], _TEMPLATES)


def _in_capitals(words: Words) -> Words:
    return Words(words.en.upper(), words.fr.upper())


_WORDS = {
    "critical": _in_capitals(SEVERITIES[Severity.CRITICAL]),
    "warning": _in_capitals(SEVERITIES[Severity.WARNING]),
    "resolved": Words("RESOLVED", "RÉSOLU"),
    # The French texts are annotations of their own; an alert of somebody else's may lack them.
    "summary": Words(".Annotations.summary", ".Annotations.summary_fr .Annotations.summary"),
    "description": Words(
        ".Annotations.description", ".Annotations.description_fr .Annotations.description"
    ),
    "language": Words("en", "fr"),
    "time": Words("Mon 2 Jan 15:04 MST", "02/01 à 15:04 MST"),
    "since": Words("Since", "Depuis le"),
    "from": Words("From", "Du"),
    "to": Words("to", "au"),
    "units": Words(
        "",
        '| reReplaceAll "h" " h " | reReplaceAll "m" " min " | reReplaceAll "s" " s" '
        '| reReplaceAll " $" "" ',
    ),
    "last": Words("Last reading: ", "Dernière mesure : "),
    "colon": Words(": ", " : "),
    "and": Words("and", "et"),
    "more": Words("more", "de plus"),
    "runbook": Words("Runbook", "Fiche"),
    "dashboard": Words("Dashboard", "Tableau de bord"),
    "logs": Words("Logs", "Journaux"),
    "silence": Words("Silence", "Mettre en sourdine"),
}

# Names of templates are global, among ours and Alertmanager's own: ours begin with `vigie.`.
# `{{-` and `-}}` take the white space beside them away.
_TEMPLATES = r"""{{/* Written by `vigie render` from vigie.yml: change that instead. */}}

{{/* Of an alert */}}

{{ define "vigie.severity" -}}
{{- if eq .Status "resolved" }}[[resolved]]
{{- else if eq .Labels.severity "critical" }}[[critical]]
{{- else if eq .Labels.severity "warning" }}[[warning]]
{{- else }}{{ .Labels.severity }}
{{- end }}
{{- end }}

{{ define "vigie.summary" }}{{ or [[summary]] .Labels.alertname }}{{ end }}

{{ define "vigie.description" }}{{ or [[description]] "" }}{{ end }}

{{ define "vigie.time" }}{{ .Local.Format "[[time]]" }}{{ end }}

{{ define "vigie.lasted" -}}
{{ printf "%s" ((.EndsAt.Sub .StartsAt).Round 1000000000)
   | reReplaceAll "m0s$" "m" | reReplaceAll "h0m$" "h" [[units]]}}
{{- end }}

{{ define "vigie.when" -}}
{{- if eq .Status "resolved" -}}
[[from]] {{ template "vigie.time" .StartsAt }} [[to]] {{ template "vigie.time" .EndsAt }} (
{{- template "vigie.lasted" . }})
{{- else -}}
[[since]] {{ template "vigie.time" .StartsAt }}
{{- end }}
{{- end }}

{{/* The labels as Alertmanager's own page reads them; it wants %20 for a blank. */}}
{{ define "vigie.silence_url" -}}
{{- $matchers := "" }}
{{- range .Labels.SortedPairs }}{{ $matchers = printf "%s,%s=%q" $matchers .Name .Value }}{{ end -}}
[[silence_url]]
{{- $matchers | reReplaceAll "^,(.*)$" "{$1}" | urlquery | reReplaceAll "[+]" "%20" }}
{{- end }}

{{/* Of a group, whose alerts are all critical or none is */}}

{{ define "vigie.subject" -}}
{{- $alerts := or .Alerts.Firing .Alerts.Resolved }}
{{- $first := index $alerts 0 -}}
[{{ template "vigie.severity" $first }}] {{ template "vigie.summary" $first }}
{{- with slice $alerts 1 }} [[and]] {{ len . }} [[more]]{{ end }}
{{- end }}

{{/* Slack */}}

{{ define "vigie.slack.color" -}}
{{- if not .Alerts.Firing }}good
{{- else if eq .CommonLabels.severity "critical" }}danger
{{- else }}warning
{{- end }}
{{- end }}

{{ define "vigie.slack.text" -}}
{{- template "vigie.slack.list" .Alerts.Firing }}
{{- template "vigie.slack.list" .Alerts.Resolved }}
{{- end }}

{{ define "vigie.slack.list" -}}
{{- range $index, $alert := . }}
{{- if lt $index 10 }}{{ template "vigie.slack.alert" $alert }}{{ end }}
{{- end }}
{{- if gt (len .) 10 -}}
[[and]] {{ len (slice . 10) }} [[more]]

{{ end }}
{{- end }}

{{ define "vigie.slack.alert" -}}
{{- $summary := or [[summary]] .Labels.alertname -}}
{{- $description := or [[description]] "" -}}
*[{{ template "vigie.severity" . }}] {{ template "vigie.slack.escaped" $summary }}*
{{- if eq .Status "resolved" }}
{{ template "vigie.when" . }}
{{- if .Annotations.value }}
[[last]]{{ template "vigie.slack.escaped" $description }}
{{- end }}
{{- else }}
{{- with $description }}
{{ template "vigie.slack.escaped" . }}
{{- end }}
{{ template "vigie.when" . }}
{{- end }}
{{ template "vigie.slack.links" . }}

{{ end }}

{{ define "vigie.slack.links" -}}
{{- with .Annotations.runbook_url -}}
<{{ template "vigie.slack.escaped" . }}|[[runbook]]> · {{ end }}
{{- with .Annotations.dashboard_url -}}
<{{ template "vigie.slack.escaped" . }}|[[dashboard]]> · {{ end -}}
<[[logs_url]]{{ with .Labels.service }}?var-service={{ . | urlquery }}{{ end }}|[[logs]]>
{{- if eq .Status "firing" }} · <{{ template "vigie.silence_url" . }}|[[silence]]>{{ end }}
{{- end }}

{{ define "vigie.slack.escaped" -}}
{{ . | reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" }}
{{- end }}

{{/* Mail */}}

{{ define "vigie.email.text" -}}
{{- range .Alerts.Firing }}{{ template "vigie.email.alert" . }}{{ end }}
{{- range .Alerts.Resolved }}{{ template "vigie.email.alert" . }}{{ end }}
{{- end }}

{{ define "vigie.email.alert" -}}
[{{ template "vigie.severity" . }}] {{ template "vigie.summary" . }}
{{- if eq .Status "resolved" }}
{{ template "vigie.when" . }}
{{- if .Annotations.value }}
[[last]]{{ template "vigie.description" . }}
{{- end }}
{{- else }}
{{- with or [[description]] "" }}
{{ . }}
{{- end }}
{{ template "vigie.when" . }}
{{- end }}
{{ with .Annotations.runbook_url }}
[[runbook]][[colon]]{{ . }}{{ end }}
{{- with .Annotations.dashboard_url }}
[[dashboard]][[colon]]{{ . }}{{ end }}
[[logs]][[colon]][[logs_url]]{{ with .Labels.service }}?var-service={{ . | urlquery }}{{ end }}
{{- if eq .Status "firing" }}
[[silence]][[colon]]{{ template "vigie.silence_url" . }}
{{- end }}


{{ end }}

{{/* What is filled in is escaped by Alertmanager, which knows that this is HTML. */}}
{{ define "vigie.email.html" -}}
<!DOCTYPE html>
<html lang="[[language]]">
<head>
<meta charset="utf-8">
<title>{{ template "vigie.subject" . }}</title>
</head>
<body style="font-family: sans-serif; line-height: 1.5; color: #1b1b1b; background: #ffffff">
{{- range .Alerts.Firing }}{{ template "vigie.email.section" . }}{{ end }}
{{- range .Alerts.Resolved }}{{ template "vigie.email.section" . }}{{ end }}
</body>
</html>
{{ end }}

{{ define "vigie.email.section" }}
<section style="margin: 0 0 24px; padding-left: 12px; border-left: 6px solid
{{- if eq .Status "resolved" }} #2e7d32
{{- else if eq .Labels.severity "critical" }} #b71c1c
{{- else }} #b26a00
{{- end }}">
<h1 style="margin: 0; font-size: 18px">
[{{ template "vigie.severity" . }}] {{ template "vigie.summary" . }}
</h1>
{{- if eq .Status "resolved" }}
<p>{{ template "vigie.when" . }}
{{- if .Annotations.value }}<br>
[[last]]{{ template "vigie.description" . }}
{{- end }}</p>
{{- else }}
<p>
{{- with or [[description]] "" }}{{ . }}<br>
{{ end }}
{{- template "vigie.when" . }}</p>
{{- end }}
<p>
{{- with .Annotations.runbook_url }}
<a href="{{ . }}">[[runbook]]</a> ·{{ end }}
{{- with .Annotations.dashboard_url }}
<a href="{{ . }}">[[dashboard]]</a> ·{{ end }}
<a href="[[logs_url]]{{ with .Labels.service }}?var-service={{ . }}{{ end }}">[[logs]]</a>
{{- if eq .Status "firing" }} ·
<a href="{{ template "vigie.email.silence_url" . }}">[[silence]]</a>
{{- end }}
</p>
</section>
{{- end }}

{{/* As above; HTML's own escaping does what `urlquery` does there. */}}
{{ define "vigie.email.silence_url" -}}
{{- $matchers := "" }}
{{- range .Labels.SortedPairs }}{{ $matchers = printf "%s,%s=%q" $matchers .Name .Value }}{{ end -}}
[[silence_url]]{{ $matchers | reReplaceAll "^,(.*)$" "{$1}" }}
{{- end }}
"""

"""config.alloy: collects what containers and services log, and takes their traces.

Promtail's successor. Every line gets the two labels of `vigie.catalogue.logs`, and no other.
"""

from vigie.catalogue.logs import LABELS, LEVELS
from vigie.catalogue.scrape import LOKI, TEMPO
from vigie.render.header import SENTENCE

LOG_FILES = "/var/log/services"
"""The folder of services' log files in the container; a file is called after its service."""

# What engines and libraries write for ours.
_OTHER_NAMES = {"warn": "warning", "err": "error", "fatal": "critical", "panic": "critical"}
_ANY_LEVEL = "|".join((*LEVELS, *_OTHER_NAMES))


def configuration() -> str:
    """The text of config.alloy, for Alloy 1.19, which shares a network with Loki and Tempo."""
    labels = ", ".join(f'"{label}"' for label in LABELS)
    return f"""\
// {SENTENCE}

logging {{
	level  = "warn"
	format = "logfmt"
}}

// ---- Logs of containers ----

discovery.docker "containers" {{
	host = "unix:///var/run/docker.sock"
}}

discovery.relabel "containers" {{
	targets = discovery.docker.containers.targets

	// A container's name, or better the name that its Compose file has for it.
	rule {{
		source_labels = ["__meta_docker_container_name"]
		regex         = "/(.*)"
		target_label  = "service"
	}}

	rule {{
		source_labels = ["__meta_docker_container_label_com_docker_compose_service"]
		regex         = "(.+)"
		target_label  = "service"
	}}
}}

loki.source.docker "containers" {{
	host       = "unix:///var/run/docker.sock"
	targets    = discovery.relabel.containers.output
	forward_to = [loki.process.lines.receiver]
}}

// ---- Logs of services that run on the machine: one file each, called after it ----

local.file_match "services" {{
	path_targets = [{{"__path__" = "{LOG_FILES}/*.log"}}]
}}

discovery.relabel "services" {{
	targets = local.file_match.services.targets

	rule {{
		source_labels = ["__path__"]
		regex         = ".*/(.+)\\\\.log"
		target_label  = "service"
	}}
}}

loki.source.file "services" {{
	targets    = discovery.relabel.services.output
	forward_to = [loki.process.lines.receiver]
}}

// ---- Every line: its level, its own time, and no labels but {" and ".join(LABELS)} ----

loki.process "lines" {{
	stage.json {{
		expressions = {{level = "level || severity", ts = "ts"}}
	}}

	// A line that is not JSON begins with its level, or nearly so.
	stage.match {{
		selector = `{{service=~".+"}} !~ "^\\\\s*\\\\{{"`

		stage.regex {{
			expression = `(?i)^.{{0,100}}?\\b(?P<level>{_ANY_LEVEL})\\b`
		}}
	}}

	stage.template {{
		source   = "level"
		template = `{_level_template()}`
	}}

	stage.timestamp {{
		source            = "ts"
		format            = "RFC3339Nano"
		action_on_failure = "skip"
	}}

	stage.labels {{
		values = {{level = ""}}
	}}

	stage.label_keep {{
		values = [{labels}]
	}}

	forward_to = [loki.write.store.receiver]
}}

loki.write "store" {{
	endpoint {{
		url = "http://{LOKI}:3100/loki/api/v1/push"
	}}
}}

// ---- Traces and logs that services send by OTLP ----

otelcol.receiver.otlp "services" {{
	grpc {{
		endpoint = "0.0.0.0:4317"
	}}

	http {{
		endpoint = "0.0.0.0:4318"
	}}

	output {{
		logs   = [otelcol.processor.batch.services.input]
		traces = [otelcol.processor.batch.services.input]
	}}
}}

otelcol.processor.batch "services" {{
	output {{
		logs   = [otelcol.exporter.loki.services.input]
		traces = [otelcol.exporter.otlphttp.tempo.input]
	}}
}}

otelcol.exporter.otlphttp "tempo" {{
	client {{
		endpoint = "http://{TEMPO}:4318"
	}}
}}

otelcol.exporter.loki "services" {{
	forward_to = [loki.relabel.services.receiver]
}}

// The exporter calls a service's name `job`, with its namespace before it.
loki.relabel "services" {{
	rule {{
		source_labels = ["job"]
		regex         = "(?:.*/)?(.+)"
		target_label  = "service"
	}}

	forward_to = [loki.process.lines.receiver]
}}
"""


def _level_template() -> str:
    """A template for one of our levels: a line without any, or with another word, is an info."""
    cases = [
        *((f'eq $level "{theirs}"', ours) for theirs, ours in _OTHER_NAMES.items()),
        ("or " + " ".join(f'(eq $level "{name}")' for name in LEVELS), "{{ $level }}"),
    ]
    written = [f"{{{{ else if {case} }}}}{result}" for case, result in cases]
    text = "".join(written).replace("{{ else if", "{{ if", 1)
    read = '{{ $level := "" }}{{ if .Value }}{{ $level = ToLower .Value }}{{ end }}'
    return f"{read}{text}{{{{ else }}}}info{{{{ end }}}}"

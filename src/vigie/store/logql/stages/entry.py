"""A line on its way through a pipeline, with its labels."""

from __future__ import annotations

from collections.abc import Callable

ERROR = "__error__"
ERROR_DETAILS = "__error_details__"
PRESERVE_ERROR = "__preserve_error__"
EXTRACTED = "_extracted"
"""What a parsed name gets behind it where the stream, or the metadata, has the name already."""

JSON_ERROR = "JSONParserErr"
LOGFMT_ERROR = "LogfmtParserErr"
LABEL_FILTER_ERROR = "LabelFilterErr"
SAMPLE_ERROR = "SampleExtractionErr"
TEMPLATE_ERROR = "TemplateFormatErr"

Labels = dict[str, str]


class Entry:
    """One line. Its labels are of three kinds: the stream's, the line's metadata, and parsed ones.

    `extracted` holds the names that any stage has set: parsers do not set them again.
    """

    __slots__ = (
        "base",
        "deleted",
        "details",
        "error",
        "extracted",
        "line",
        "metadata",
        "parsed",
        "timestamp",
    )

    def __init__(self, timestamp: int, line: str, base: Labels, metadata: Labels | None) -> None:
        self.timestamp = timestamp
        self.line = line
        self.base = base
        self.error = ""
        self.details = ""
        self.metadata: Labels = {}
        self.parsed: Labels = {}
        self.deleted: set[str] = set()
        self.extracted: set[str] = set()
        if metadata:
            for name, value in metadata.items():
                if name in base:
                    self.metadata[name + EXTRACTED] = value
                elif name == ERROR:
                    self.error = value
                elif name == ERROR_DETAILS:
                    self.details = value
                else:
                    self.metadata[name] = value

    def get(self, name: str) -> str | None:
        """The label's value; None where the line has no such label."""
        if name in self.metadata:
            return self.metadata[name]
        if name in self.parsed:
            return self.parsed[name]
        if name in self.deleted:
            return None
        return self.base.get(name) or None

    def set(self, name: str, value: str) -> None:
        """Give the line a parsed label."""
        if self.metadata:
            self.metadata.pop(name, None)
        self.parsed[name] = value
        self.extracted.add(name)

    def delete(self, name: str) -> None:
        """Take a label away, of whichever kind."""
        self.metadata.pop(name, None)
        self.parsed.pop(name, None)
        self.deleted.add(name)

    def fail(self, error: str, details: str = "") -> None:
        """Mark the line as one that a stage failed on."""
        self.error = error
        if details:
            self.details = details

    def fail_once(self, error: str, details: str) -> None:
        """Mark the line, unless an earlier stage has failed on it."""
        if not self.error:
            self.fail(error, details)

    def taken(self, name: str) -> bool:
        """Whether the stream or the metadata has the label, so that a parsed one is renamed."""
        return name in self.base or name in self.metadata

    def plain_labels(self) -> Labels:
        """All labels but the marks of an error; a label may be empty."""
        if not (self.parsed or self.metadata or self.deleted):
            return dict(self.base)
        labels = {k: v for k, v in self.base.items() if k not in self.deleted}
        labels.update(self.metadata)
        labels.update(self.parsed)
        return labels

    def labels(self) -> Labels:
        """All labels."""
        labels = self.plain_labels()
        if self.error:
            labels[ERROR] = self.error
        if self.details:
            labels[ERROR_DETAILS] = self.details
        return labels

    def by_kind(self) -> tuple[Labels, Labels, Labels]:
        """The stream's labels that are left, the metadata, and what was parsed, errors too."""
        gone = self.deleted | self.metadata.keys() | self.parsed.keys()
        stream = {name: value for name, value in self.base.items() if name not in gone}
        metadata = {n: v for n, v in self.metadata.items() if n not in self.parsed}
        parsed = dict(self.parsed)
        if self.error:
            parsed[ERROR] = self.error
        if self.details:
            parsed[ERROR_DETAILS] = self.details
        return stream, metadata, parsed

    def template_labels(self) -> Labels:
        """The labels as templates see them."""
        return self.labels() if self.error else self.plain_labels()


Step = Callable[[Entry], bool]
"""Does one stage's work on an entry; False drops the line."""

"""What to do about an alert, as values: the four headings of a runbook, and numbered steps."""

from dataclasses import dataclass

from vigie.catalogue.words import Words


@dataclass(frozen=True, slots=True)
class Runbook:
    """What a person woken by an alert needs to know; each part is Markdown."""

    meaning: Words
    impact: Words
    diagnosis: Words
    mitigation: Words


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: in words, then as a query for Prometheus or a command for the shell."""

    en: str
    fr: str
    promql: str = ""
    shell: str = ""

    def text(self, language: str) -> str:
        """The step as Markdown, indented for a numbered list."""
        said: str = getattr(self, language)
        for kind, code in (("promql", self.promql), ("sh", self.shell)):
            if code:
                said += f"\n```{kind}\n{code}\n```"
        return said.replace("\n", "\n   ").replace("\n   \n", "\n\n")


def steps(*all_steps: Step) -> Words:
    """A numbered list in both languages."""
    return Words(en=_numbered(all_steps, "en"), fr=_numbered(all_steps, "fr"))


def _numbered(all_steps: tuple[Step, ...], language: str) -> str:
    return "\n".join(f"{n}. {step.text(language)}" for n, step in enumerate(all_steps, start=1))

"""Go's text templates, with the functions that Loki gives them."""

from vigie.store.logql.template.evaluate import Template
from vigie.store.logql.template.parse import TemplateSyntaxError
from vigie.store.logql.template.values import TemplateError

__all__ = ["Template", "TemplateError", "TemplateSyntaxError"]

"""What the installed OpenAI SDK can do: the tests run against old versions of it too."""

import openai
import pytest
from openai.resources.chat import Completions

needs_responses = pytest.mark.skipif(
    not hasattr(openai.OpenAI(api_key="k"), "responses"), reason="this SDK has no responses"
)
needs_parse = pytest.mark.skipif(
    not hasattr(Completions, "parse"), reason="this SDK parses and streams under `beta` only"
)
needs_streams_without_cycles = pytest.mark.skipif(
    int(openai.__version__.partition(".")[0]) < 3, reason="this SDK's streams are cycles themselves"
)

"""Traces over HTTP: OTLP in, and Tempo's API out, in its shapes and with its refusals.

The shapes are those of Tempo's "HTTP API" page and of its messages as JSON, in which a default is
left out: `batches` of /api/traces/<id> with ids in base64, `trace.resourceSpans` of
/api/v2/traces/<id>, `traces` with `spanSets` and `serviceStats` of /api/search, `tagNames`,
`scopes` and `tagValues`. As in Tempo a trace's id loses its leading zeros in a search, values of a
status or a kind are all that there may be, those of a duration are none, and `q` of the tags counts
only if it is one filter. Where they differ:

- a search finds the traces with the newest matching spans, where Tempo stops at the first it meets;
  it looks at all of the store without `start` and `end`, where Tempo looks at what is recent;
- with `tags`, all of them are about one span or its resource;
- `start` and `end` of a trace by its id are checked and not used, and so is nothing of
  /api/v2/traces/<id> that prunes or filters;
- spans that are wrong are refused alone, as OTLP's partial success, with their number and why.
"""

"""The web pages of a stack, and the door of its inbox: what fires, what was, and what to do.

`app` says what is where, `pages` makes one page a file, `api` answers programs, `server` is the
process. Pages are plain HTML in English and French; they work without JavaScript.

It leaves to `incidents` what is kept and judged.
"""

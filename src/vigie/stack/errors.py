"""What can go wrong with the stack.

    StackError                it ran and found a problem        exit code 1
    └── RequestError          the request itself was wrong      exit code 2

`str()` of each says what is wrong, where, and what to do or to write instead.
"""


class StackError(Exception):
    """The stack could not do what was asked."""

    exit_code = 1


class RequestError(StackError):
    """What was asked cannot be done, whatever the state of the stack."""

    exit_code = 2

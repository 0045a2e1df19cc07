"""Waiting with a deadline: the suite polls for what it expects and never sleeps for luck."""

import time


def until(question, what, seconds=20, step=0.01):
    """Asks until the answer is true and returns it; fails, saying what it waited for.

    what: a text, or a function that makes one when it is needed.
    """
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            what = what() if callable(what) else what
            raise AssertionError(f"waited {seconds} s for {what}; last answer: {answer!r}")
        time.sleep(step)

"""The one error that is meant for people."""


class InputError(ValueError):
    """Something that was given cannot be used.

    The message is one sentence: what was given, what is allowed, what to do. Commands print it as it
    is and exit with 2; any other exception that reaches them is a defect of this project.
    """


class UnsafeFileError(InputError):
    """A file asks for something that no checkpoint needs: to run code, or more memory than it fills.

    Nothing of what it asked for was done.
    """

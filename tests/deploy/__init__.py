"""The installation of deploy/, started from its own files as far as one machine without containers can."""

"""Plug-in of PanDA's pilot 3: the plug-in generic, with its containers opened by gridwrap. See ../README.md."""

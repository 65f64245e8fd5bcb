"""As the plug-in generic has it."""
from pilot.user.generic.proxy import *  # noqa: F401,F403

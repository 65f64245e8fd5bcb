"""As the plug-in generic has it."""
from pilot.user.generic.jobdata import *  # noqa: F401,F403

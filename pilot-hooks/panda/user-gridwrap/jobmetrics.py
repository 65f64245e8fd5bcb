"""As the plug-in generic has it."""
from pilot.user.generic.jobmetrics import *  # noqa: F401,F403

"""As the plug-in generic has it, but that env.sh stands before the line that opens a container: what it sources is then gridwrap's."""
import os
import shlex

from pilot.user.generic import container as generic
from pilot.user.generic.container import *  # noqa: F401,F403


def wrapper(executable, **kwargs):
    """The line of the plug-in generic; one that it left as it was is for no container."""
    command = generic.wrapper(executable, **kwargs)
    if command == executable:
        return command
    hooks = shlex.quote(os.environ.get('GRIDWRAP_HOOKS', '/opt/gridwrap/pilot-hooks'))
    return f'export GRIDWRAP_HOOKS={hooks};. {hooks}/env.sh;{command}'

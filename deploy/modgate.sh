#!/bin/sh
# exec: node takes the shell's place, and with it the signals of the container.
exec node /opt/modgate/main.js "$@"

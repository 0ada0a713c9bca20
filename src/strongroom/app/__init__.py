"""The one place where parts are put together: settings, wiring, processes, and the control API as an application.

Always true here:
- nothing below knows of this room, and nothing here is a module-level singleton: a process makes its parts and passes
  them on;
- a process is given what its role needs and no more.
"""

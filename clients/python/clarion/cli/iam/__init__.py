"""`clarion iam`: users, groups, roles, policies, access keys, and what they amount to."""

from __future__ import annotations

import typer

from clarion.cli.iam import explain, groups, keys, policies, roles, users

commands = typer.Typer(no_args_is_help=True, help="Identity management: who exists, and who may do what.")
commands.add_typer(users.commands, name="users")
commands.add_typer(groups.commands, name="groups")
commands.add_typer(roles.commands, name="roles")
commands.add_typer(policies.commands, name="policies")
commands.add_typer(keys.commands, name="keys")
commands.command()(users.tag)
commands.command()(users.untag)
commands.command()(explain.simulate)
commands.command()(explain.validate)
commands.command()(explain.whoami)
commands.command("assume-role")(explain.assume_role)

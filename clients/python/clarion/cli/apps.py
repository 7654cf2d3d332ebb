"""`clarion apps`: the tenants of a server."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli.pairs import pairs
from clarion.cli.render import print_app, print_apps, print_tags
from clarion.cli.session import session

commands = typer.Typer(no_args_is_help=True, help="Apps: the tenants, each with channels of its own.")

_AppId = Annotated[str, typer.Argument(metavar="APP_ID", help="Id of the app, as `clarion apps list` shows it.")]
_Tags = Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Tags.")]


@commands.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name for people, 1 to 64 characters.")],
    *,
    tag: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="A tag; may be repeated.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the id.")] = False,
) -> None:
    """Make an app."""
    current = session(context)
    with current.client() as client:
        app = client.create_app(name, tags=pairs(tag or [], "--tag"))
    if quiet:
        print(app.id)
    else:
        print_app(current, app)


@commands.command("list")
def list_(context: typer.Context) -> None:
    """List all apps, oldest first."""
    current = session(context)
    with current.client() as client:
        print_apps(current, client.list_apps())


@commands.command()
def get(context: typer.Context, app_id: _AppId) -> None:
    """Show an app."""
    current = session(context)
    with current.client() as client:
        print_app(current, client.get_app(app_id))


@commands.command()
def rename(context: typer.Context, app_id: _AppId, name: Annotated[str, typer.Argument(help="The new name.")]) -> None:
    """Give an app another name."""
    current = session(context)
    with current.client() as client:
        print_app(current, client.update_app(app_id, name=name))


@commands.command()
def delete(
    context: typer.Context,
    app_id: _AppId,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove an app with its channels and their credentials. There is no way back."""
    current = session(context)
    with current.client() as client:
        if not yes:
            app = client.get_app(app_id)
            typer.confirm(f"Remove the app {app.name!r} with all its channels and credentials?", abort=True, err=True)
        print_app(current, client.delete_app(app_id))


@commands.command()
def tag(context: typer.Context, app_id: _AppId, tags: _Tags) -> None:
    """Add tags to an app, or change their values."""
    current = session(context)
    with current.client() as client:
        print_tags(current, client.tag_app(app_id, pairs(tags, "KEY=VALUE")))


@commands.command()
def untag(
    context: typer.Context,
    app_id: _AppId,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of the tags.")],
) -> None:
    """Remove tags from an app."""
    current = session(context)
    with current.client() as client:
        print_tags(current, client.untag_app(app_id, keys))

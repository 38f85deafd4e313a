"""The command `sales-assets`, in addition to Dagster's own commands."""

import os
import sys

import click
from dotenv import load_dotenv

from sales_assets import settings
from sales_assets.cli.days import status, verify
from sales_assets.cli.services import init_home, pull_rides, sample_api
from sales_assets.http_jobs.serve import http_jobs
from sales_assets.storage.location import location


@click.group()
@click.version_option(package_name="sales_assets")
@click.pass_context
def main(context: click.Context) -> None:
    """Tools for the sales_assets project.

    To complete commands in bash, run: eval "$(_SALES_ASSETS_COMPLETE=bash_source sales-assets)"
    """
    _open_standard_streams()
    try:
        load_dotenv(".env", override=True)  # As Dagster's own commands do.
    except ValueError:  # Also of a NUL in a name, which UTF-16 is full of.
        raise click.UsageError(".env is not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise click.UsageError(f".env cannot be read ({error.strerror})") from None
    context.obj = settings.read()
    location(context.obj.base_dir)


for _command in (sample_api, http_jobs, pull_rides, verify, status, init_home):
    main.add_command(_command)


def _open_standard_streams() -> None:
    """Replace closed standard streams with `/dev/null`.

    Otherwise the next file that is opened, such as a database, gets their descriptors, and with
    them everything that is printed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # The lowest that is free.
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))

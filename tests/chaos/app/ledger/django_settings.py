"""The site's settings with the ledger's page beside the site's own."""

from mysite.settings import *  # noqa: F403 - all but the line below is the site's

ROOT_URLCONF = "ledger.django_urls"

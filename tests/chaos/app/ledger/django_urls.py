"""The site's addresses and the ledger's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from mysite.urls import handler500
from mysite.urls import urlpatterns as site

from ledger.django_tasks import book_with_django
from ledger.entry import ACCEPT, Entry

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["handler500", "urlpatterns"]


@csrf_exempt
@require_POST
def accept(request: HttpRequest) -> JsonResponse:
    """Accept an entry: its row and its task are there together or not at all."""
    entry = Entry.read(json.loads(request.body))
    with transaction.atomic(), connection.cursor() as cursor:
        task = book_with_django.delay(entry.entry, entry.run, entry.work)
        cursor.execute(ACCEPT, entry.row(task.id))
    return JsonResponse({"task": task.id}, status=202)


urlpatterns = [path("ledger/", accept), *site]

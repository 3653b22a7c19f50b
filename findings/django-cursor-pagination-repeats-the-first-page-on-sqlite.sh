#!/usr/bin/env bash
# django-cursor-pagination repeats the first page, or leaves members out, by time on SQLite.
#
# Versions: django-cursor-pagination 0.3.0 with Django 5.2.19 and the SQLite of Python; for comparison
# django-keyset-pagination-plus 1.0.0. (On PostgreSQL 15, with psycopg 3, both were right.)
#
# Both read a list page by page, each from a cursor with the values of the last one before. The README of
# django-cursor-pagination orders by a time and an id, `('-created', '-id')`, and names no database.
#
# Guess: all pages together have each of the 12 members once, in either direction, on each database of Django.
#
# Seen: the cursor has the time as `2026-01-01 10:00:00+00:00`, and the query compares this as a text. In
# SQLite times are texts without the offset, so a time is less than the same time of a cursor, and equal to
# none. From the newest to the oldest, each page is the first one again. The other way round, all that share
# the time of the last on a page are left out. Ordered by a boolean it is the same, as `True` is not 1. Names
# and dates come out right. django-keyset-pagination-plus reads every member once.
#
# Why it matters: an export of a directory has some members over and over, or lacks most, and tests on SQLite
# show another result than the service on PostgreSQL.
# memberbase's lists are in the order of creation, whatever the times are (docs/publisher.md, "Lists").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check django==5.2.19 django-cursor-pagination==0.3.0 \
  django-keyset-pagination-plus==1.0.0

venv/bin/python - <<'PY' | tee seen
import datetime

import django
from django.conf import settings

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()

from cursor_pagination import CursorPaginator
from django.db import connection, models
from keyset_pagination.paginator import KeysetPaginator


class Member(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.TextField()
    created = models.DateTimeField()
    birthday = models.DateField()
    active = models.BooleanField()

    class Meta:
        app_label = "directory"


def by_cursor(order):
    paginator = CursorPaginator(Member.objects.all(), ordering=order)
    after = None
    for _ in range(3):
        page = paginator.page(first=4, after=after)
        yield [member.id for member in page]
        if not page.has_next:
            break
        after = paginator.cursor(page[-1])


def by_keyset(order):
    page = KeysetPaginator(Member.objects.order_by(*order), 4).page(1)
    yield [member.id for member in page]
    while page.has_next():
        page = page.paginator.page(page.next_page_number())
        yield [member.id for member in page]


with connection.schema_editor() as editor:
    editor.create_model(Member)
for number in range(1, 13):
    time = datetime.datetime(2026, 1, 1 + number // 7, 10, tzinfo=datetime.timezone.utc)
    values = {"name": f"{number % 5}", "created": time, "birthday": time.date(), "active": number % 2}
    Member.objects.create(id=number, **values)
for order in ("-created", "-id"), ("created", "id"), ("-active", "id"), ("-birthday", "id"), ("name", "id"):
    print(order)
    print("  django-cursor-pagination:     ", *by_cursor(order))
    print("  django-keyset-pagination-plus:", *by_keyset(order))
PY

diff - seen <<'EXPECTED'
('-created', '-id')
  django-cursor-pagination:      [12, 11, 10, 9] [12, 11, 10, 9] [12, 11, 10, 9]
  django-keyset-pagination-plus: [12, 11, 10, 9] [8, 7, 6, 5] [4, 3, 2, 1]
('created', 'id')
  django-cursor-pagination:      [1, 2, 3, 4] [7, 8, 9, 10] []
  django-keyset-pagination-plus: [1, 2, 3, 4] [5, 6, 7, 8] [9, 10, 11, 12]
('-active', 'id')
  django-cursor-pagination:      [1, 3, 5, 7] [1, 3, 5, 7] [1, 3, 5, 7]
  django-keyset-pagination-plus: [1, 3, 5, 7] [9, 11, 2, 4] [6, 8, 10, 12]
('-birthday', 'id')
  django-cursor-pagination:      [7, 8, 9, 10] [11, 12, 1, 2] [3, 4, 5, 6]
  django-keyset-pagination-plus: [7, 8, 9, 10] [11, 12, 1, 2] [3, 4, 5, 6]
('name', 'id')
  django-cursor-pagination:      [5, 10, 1, 6] [11, 2, 7, 12] [3, 8, 4, 9]
  django-keyset-pagination-plus: [5, 10, 1, 6] [11, 2, 7, 12] [3, 8, 4, 9]
EXPECTED

"""Receivers for changes of covers, categories and tags, whatever code saves them."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.dispatch import receiver
from django.utils import timezone

from news.models import Article, Category, Rendition, Tag
from news.pictures import remove_later
from news.signals import cover_uploaded


@receiver(pre_save, sender=Article, dispatch_uid="news.remember_cover")
def remember_cover(instance: Article, *, raw: bool, **_kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
    """Remember the cover before the change."""
    stored = (
        None if raw or instance.pk is None else Article.objects.filter(pk=instance.pk).values_list("cover", flat=True)
    )
    instance.__dict__["_cover_before"] = stored.first() or "" if stored is not None else ""


@receiver(post_save, sender=Article, dispatch_uid="news.follow_cover")
def follow_cover(instance: Article, *, raw: bool, **_kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
    """Remove the old cover's renditions, and send the task for the new ones."""
    before, now = instance.__dict__.pop("_cover_before", ""), instance.cover.name or ""
    if raw or before == now:
        return
    if before:
        instance.renditions.all().delete()
        remove_later(instance.cover.storage, before)
    if now:
        cover_uploaded.send(sender=Article, article=instance)


@receiver(post_delete, sender=Article, dispatch_uid="news.remove_cover")
def remove_cover(instance: Article, **_kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
    """Remove the cover of a deleted article."""
    if instance.cover.name:
        remove_later(instance.cover.storage, instance.cover.name)


@receiver(post_delete, sender=Rendition, dispatch_uid="news.remove_rendition")
def remove_rendition(instance: Rendition, **_kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
    """Remove the file of a deleted rendition."""
    if instance.file.name:
        remove_later(instance.file.storage, instance.file.name)


@receiver((post_save, pre_delete), sender=Category, dispatch_uid="news.category_changed")
@receiver((post_save, pre_delete), sender=Tag, dispatch_uid="news.tag_changed")
def count_as_change(instance: Category | Tag, **_kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
    """Treat a topic's new name as a change of its articles, because the last change is part of pages' cache keys."""
    instance.articles.update(modified_at=timezone.now())

"""Pages with readers' forms. They are separate pages, so that the public pages have no form and can be cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from news import limits, newsletter
from news.forms import CommentForm, SubscriptionForm
from news.models import Article

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: Seconds after which a reader whose mail could not be requested may retry.
RETRY_AFTER = 30


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def comment(request: HttpRequest, slug: str) -> HttpResponse:
    """Accept a comment, which waits for a moderator."""
    article = get_object_or_404(Article.objects.published(), slug=slug)
    form = CommentForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        if not limits.may_comment(request):
            form.add_error(None, _("You have written many comments in a short time. Please wait a few minutes."))
            response = render(request, "news/comment.html", {"article": article, "form": form}, status=429)
            response.headers["Retry-After"] = str(limits.WITHIN)
            return response
        written = form.save(commit=False)
        written.article = article
        if request.user.is_authenticated:
            written.author_id = request.user.pk
            written.name = _name(request)
        written.save()
        messages.success(request, _("Thank you. Your comment appears once a moderator has read it."))
        return redirect(article)
    return render(request, "news/comment.html", {"article": article, "form": form})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def subscribe(request: HttpRequest) -> HttpResponse:
    """Accept an address for the newsletter, and send the confirmation mail."""
    form = SubscriptionForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            email = form.cleaned_data["email"]
            if limits.may_send(request, email):
                newsletter.subscribe(email)
        except ConnectionError:
            form.add_error(None, _("The mail could not be sent on its way; nothing was saved. Please try again soon."))
            status = 503
        else:
            return render(request, "news/newsletter_asked.html", {"email": form.cleaned_data["email"]})
    response = render(request, "news/newsletter.html", {"form": form}, status=status)
    if status != 200:  # noqa: PLR2004 - the status of a page
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Require a button after the link: mail filters follow links, and must not subscribe anybody."""
    link = newsletter.read_confirmation(token)
    done = bool(request.method == "POST" and link and newsletter.confirm(link))
    context = {"link": link, "done": done}
    return render(request, "news/newsletter_confirm.html", context, status=200 if link else 410)


@csrf_exempt  # mail programs send the button's form themselves, see RFC 8058; the token is the proof
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """Unsubscribe an address."""
    link = newsletter.read_leave(token)
    done = bool(request.method == "POST" and link and newsletter.leave(link))
    return render(request, "news/newsletter_leave.html", {"link": link, "done": done}, status=200 if link else 410)


def _name(request: HttpRequest) -> str:
    user = request.user
    return str(getattr(user, "get_full_name", str)() or user.get_username())[:80]

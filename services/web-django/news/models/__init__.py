"""The models of the news app."""

from news.models.articles import SEARCH_CONFIG, Article, ArticleQuerySet, Category, Rendition, Tag
from news.models.comments import Comment, CommentQuerySet
from news.models.newsletter import NewsletterCopy, NewsletterIssue, Subscriber, SubscriberQuerySet

__all__ = [
    "SEARCH_CONFIG",
    "Article",
    "ArticleQuerySet",
    "Category",
    "Comment",
    "CommentQuerySet",
    "NewsletterCopy",
    "NewsletterIssue",
    "Rendition",
    "Subscriber",
    "SubscriberQuerySet",
    "Tag",
]

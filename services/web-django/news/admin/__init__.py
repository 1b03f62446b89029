"""The newsroom: writing and publishing of articles, moderation of comments, sending of newsletters."""

from news.admin.articles import ArticleAdmin
from news.admin.comments import CommentAdmin
from news.admin.newsletters import NewsletterIssueAdmin, SubscriberAdmin
from news.admin.topics import CategoryAdmin, TagAdmin

__all__ = ["ArticleAdmin", "CategoryAdmin", "CommentAdmin", "NewsletterIssueAdmin", "SubscriberAdmin", "TagAdmin"]

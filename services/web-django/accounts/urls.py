"""The URLs of the accounts pages."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts.views import language, passwords, profile, registration

app_name = "accounts"

urlpatterns = [
    path("register/", registration.registration, name="register"),
    path("verify/", registration.resend, name="resend"),
    path("verify/<str:token>/", registration.verify, name="verify"),
    path("login/", passwords.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("profile/", profile.profile, name="profile"),
    path("profile/edit/", profile.edit, name="profile_edit"),
    path("password/", passwords.Change.as_view(), name="password_change"),
    path("password/reset/", passwords.forgot, name="password_reset"),
    path("password/reset/sent/", passwords.forgot_sent, name="password_reset_sent"),
    path("password/reset/<uidb64>/<token>/", passwords.Reset.as_view(), name="password_reset_confirm"),
    path("language/", language.switch, name="language"),
]

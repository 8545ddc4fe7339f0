"""Routes of every kind: plain, nested, regular expressions, with a language."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.views import LoginView
from django.urls import include, path, re_path
from django.utils.translation import gettext_lazy
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework_simplejwt.views import (
    TokenObtainPairView,
    TokenObtainSlidingView,
    TokenRefreshSlidingView,
    TokenRefreshView,
)

from vigie.instrument.django import metrics_view
from watched_site import views

plans = [path("<int:pk>/", views.hello), re_path(r"^(?P<year>[0-9]{4})-old/$", views.hello)]

urlpatterns = [
    path("", views.hello),
    path("hello/", views.hello),
    path("ahello/", views.ahello),
    path("api/", include([path("v1/", include([path("plans/", include(plans))]))])),
    re_path(r"^archive/(?P<year>\d{4})/(?:page-(\d+)/)?$", views.hello),
    path("boom/", views.boom),
    path("aboom/", views.aboom),
    path("leave/", views.leave),
    path("absent/", views.absent),
    path("denied/", views.denied),
    path("suspicious/", views.suspicious),
    path("teapot/<int:status>/", views.teapot),
    path("broken-template/", views.broken_template),
    path("wait/", views.wait),
    path("stream/", views.stream),
    path("astream/", views.astream),
    path("stream-ids/", views.stream_ids),
    path("astream-ids/", views.astream_ids),
    path("broken-stream/", views.broken_stream),
    path("abroken-stream/", views.abroken_stream),
    path("endless-stream/", views.endless_stream),
    path("file/", views.file),
    path("ids/", views.ids),
    path("span-ids/", views.span_ids),
    path("stream-span-ids/", views.stream_span_ids),
    path("astream-span-ids/", views.astream_span_ids),
    path("count-users/", views.count_users),
    path("wrong-sql/", views.wrong_sql),
    path("whoami/", views.whoami),
    path("awhoami/", views.awhoami),
    path("robot/", views.robot),
    path("login/", LoginView.as_view()),
    path("second-try/", views.second_try),
    path("alogin/", views.alogin_attempt),
    path("profile/", views.Profile.as_view()),
    path("session-profile/", views.SessionProfile.as_view()),
    path("token-profile/", views.TokenProfile.as_view()),
    path("basic-profile/", views.BasicProfile.as_view()),
    path("admin-only/", views.AdminOnly.as_view()),
    path("throttled/", views.Throttled.as_view()),
    path("own-code/<str:code>/", views.OwnCode.as_view()),
    path("own-handler/", views.OwnHandler.as_view()),
    path("token/", TokenObtainPairView.as_view()),
    path("token/refresh/", TokenRefreshView.as_view()),
    path("sliding/", TokenObtainSlidingView.as_view()),
    path("sliding/refresh/", TokenRefreshSlidingView.as_view()),
    path("authtoken/", obtain_auth_token),
    path("metrics/", metrics_view),
    *i18n_patterns(path("help/", views.hello), path(gettext_lazy("news/"), views.hello)),
]

from django.urls import path
from rest_framework_simplejwt.views import TokenBlacklistView

from accounts import views

urlpatterns = [
    path("auth/register/", views.RegisterView.as_view()),
    path("auth/login/", views.LoginView.as_view()),
    path("auth/refresh/", views.RefreshView.as_view()),
    path("auth/logout/", TokenBlacklistView.as_view()),
    path("profile/", views.ProfileView.as_view()),
]

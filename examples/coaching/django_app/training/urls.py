from django.urls import path

from training import views

urlpatterns = [
    path("sessions/", views.SessionList.as_view()),
    path("sessions/<uuid:pk>/", views.SessionDetail.as_view()),
    path("plans/", views.PlanList.as_view()),
    path("plans/<uuid:pk>/", views.PlanDetail.as_view()),
]

from django.db.models import Model, QuerySet
from rest_framework import generics
from rest_framework.serializers import BaseSerializer

from training.models import CoachingSession, TrainingPlan
from training.serializers import CoachingSessionSerializer, TrainingPlanSerializer


class OwnOnly:
    """A user sees what is theirs; the rest answers 404, as if it did not exist."""

    model: type[Model]

    def get_queryset(self) -> QuerySet:
        return self.model.objects.filter(user=self.request.user)

    def perform_create(self, serializer: BaseSerializer) -> None:
        serializer.save(user=self.request.user)


class SessionList(OwnOnly, generics.ListCreateAPIView):
    model = CoachingSession
    serializer_class = CoachingSessionSerializer


class SessionDetail(OwnOnly, generics.RetrieveUpdateAPIView):
    model = CoachingSession
    serializer_class = CoachingSessionSerializer
    http_method_names = ("get", "patch", "head", "options")


class PlanList(OwnOnly, generics.ListCreateAPIView):
    model = TrainingPlan
    serializer_class = TrainingPlanSerializer


class PlanDetail(OwnOnly, generics.RetrieveDestroyAPIView):
    model = TrainingPlan
    serializer_class = TrainingPlanSerializer

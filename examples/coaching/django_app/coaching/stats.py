"""How much the application is used, for its staff."""

from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from training.models import CoachingSession, TrainingPlan


class StatsView(APIView):
    permission_classes = (IsAdminUser,)

    def get(self, _request: Request) -> Response:
        return Response(
            {
                "users": User.objects.count(),
                "sessions": CoachingSession.objects.count(),
                "open_sessions": CoachingSession.objects.filter(ended_at=None).count(),
                "plans": TrainingPlan.objects.count(),
            }
        )

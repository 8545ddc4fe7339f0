"""What runs inside the user's services.

One file per thing that is watched. Two promises hold in all of them: nothing here ever breaks or
blocks a request (`guard` counts what goes wrong), and the number of series is bounded by
construction (`meters` reads each label's set or cap from the catalogue).
"""

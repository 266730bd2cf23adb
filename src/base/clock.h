/* Time: a monotonic clock for durations, the wall clock for log lines only. */
#ifndef GAN_BASE_CLOCK_H
#define GAN_BASE_CLOCK_H

/* Seconds on a clock that never jumps; only differences mean anything. */
double gan_clock(void);

/* Local wall time, ISO 8601 with zone offset: "2024-05-01T13:45:10+0200". */
char *gan_clock_text(char text[32]);

/* A duration for people: "7 s", "3 m 12 s", "5 h 03 m". */
char *gan_duration_text(char text[32], double seconds);

/* Sleeps for that long, through interrupting signals too. */
void gan_sleep(double seconds);

#endif

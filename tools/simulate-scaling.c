/* The communication of a training step, for SimGrid's SMPI: tools/simulate-scaling compiles it.
 *
 * usage: smpirun ... simulate-scaling FILE     FILE: seconds of computing, the number of sums, and
 *                                              the bytes of each sum in a step's order
 *
 * Computing is shared out evenly before the sums and is simulated, as the network is; floats are
 * really added up.  Prints the simulated seconds of a step, of the slowest
 * rank. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 2 };

/* Operations a second of a simulated host. */
static const double host_speed = 1e9;

static int read_plan(const char *path, double *computing, int *count, double **bytes) {
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%lf %d", computing, count) != 2) return 0;
  *bytes = malloc((size_t)*count * sizeof **bytes);
  for (int i = 0; i < *count; i++)
    if (fscanf(file, "%lf", &(*bytes)[i]) != 1) return 0;
  fclose(file);
  return 1;
}

int main(int argc, char **argv) {
  double computing, *bytes = NULL, most = 0, start, mine, slowest;
  int count, rank;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (argc != 2 || !read_plan(argv[1], &computing, &count, &bytes)) MPI_Abort(MPI_COMM_WORLD, 2);
  for (int i = 0; i < count; i++)
    if (bytes[i] > most) most = bytes[i];
  float *values =
      SMPI_SHARED_MALLOC((size_t)most); /* one for all ranks: what is in it is no matter */
  MPI_Barrier(MPI_COMM_WORLD);
  start = MPI_Wtime();
  for (int step = 0; step < STEPS; step++)
    for (int i = 0; i < count; i++) {
      smpi_execute_flops(computing / count * host_speed);
      MPI_Allreduce(MPI_IN_PLACE, values, (int)(bytes[i] / sizeof *values), MPI_FLOAT, MPI_SUM,
                    MPI_COMM_WORLD);
    }
  mine = MPI_Wtime() - start;
  MPI_Reduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  if (rank == 0) printf("%.9g\n", slowest / STEPS);
  SMPI_SHARED_FREE(values);
  free(bytes);
  MPI_Finalize();
  return 0;
}

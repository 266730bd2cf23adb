#include "kernels/columns.h"

#include "base/blocks.h"

/* A task's sums stay in registers or the first cache; the tasks of a group have room on the stack.
 */
enum { WIDTH = 64, TASKS = GAN_COLUMNS_MOST / WIDTH, BLOCKS_MOST = 16, BLOCK_ROWS = 512 };

typedef struct {
  _Alignas(64) double first[WIDTH];
  double second[WIDTH];
} partial;

/* Of rows. */
static int64_t blocks_of(int64_t rows) {
  int64_t blocks = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
  return blocks > BLOCKS_MOST ? BLOCKS_MOST : blocks > 0 ? blocks : 1;
}

int64_t gan_columns_group(int64_t rows) {
  return TASKS / blocks_of(rows) * WIDTH;
}

/* Task i: the blocks of the first columns, then of the next. */
static gan_column_task task_of(const gan_columns *of, int64_t column, int64_t i) {
  int64_t blocks = blocks_of(of->rows), block = i % blocks;
  int64_t first = column + i / blocks * WIDTH, left = of->c - first;
  return (gan_column_task){.of = of,
                           .row = of->rows * block / blocks,
                           .row_end = of->rows * (block + 1) / blocks,
                           .column = first,
                           .width = left < WIDTH ? left : WIDTH};
}

static void run(const gan_columns *of, int64_t column, int64_t i, gan_column_work work,
                partial *sums) {
  gan_column_task task = task_of(of, column, i);
  *sums = (partial){0};
  work(&task, sums->first, sums->second);
}

void gan_sum_columns(const gan_columns *of, int64_t column, gan_column_work work, double *first,
                     double *second) {
  partial partials[TASKS];
  int64_t blocks = blocks_of(of->rows), group = gan_columns_group(of->rows);
  int64_t left = of->c - column, columns = left < group ? left : group;
  int64_t tasks = (columns + WIDTH - 1) / WIDTH * blocks, cost = columns * of->rows / tasks + 1;
  GAN_FOR_BLOCKS_OF(1, i, count, tasks, cost, run(of, column, i + count - 1, work, &partials[i]));
  for (int64_t k = 0; k < columns; k++) {
    const partial *p = &partials[k / WIDTH * blocks];
    first[k] = p->first[k % WIDTH];
    if (second) second[k] = p->second[k % WIDTH];
    for (int64_t b = 1; b < blocks; b++) {
      first[k] += p[b].first[k % WIDTH];
      if (second) second[k] += p[b].second[k % WIDTH];
    }
  }
}

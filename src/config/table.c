/* The option table: every key of a config, its type, default, range and meaning. */
#include "config/config.h"

#include <math.h>

#define AT(member) offsetof(gan_config, member)

static const char *const tasks[] = {"gan", "classifier", "vae", NULL};
static const char *const layouts[] = {"auto", "nhwc", "nchw", NULL};
static const char *const ranges[] = {"auto", "unit", "symmetric", "none", NULL};
static const char *const caches[] = {"memory", "stream", NULL};
static const char *const latents[] = {"normal", "uniform", NULL};
static const char *const inits[] = {"pytorch", "normal", NULL};
static const char *const generator_labels[] = {"one_hot", "embedding", NULL};
static const char *const discriminator_labels[] = {"channels", "projection", "auxiliary", NULL};
static const char *const penalties[] = {"none", "r1", "r2", "wgan_gp", "dragan", NULL};
static const char *const objectives[] = {"non_saturating", "minimax",      "hinge", "least_squares",
                                         "wasserstein",    "relativistic", NULL};
static const char *const likelihoods[] = {"bernoulli", "gaussian", NULL};
static const char *const optimizers[] = {"adam", "sgd", "adamw", "rmsprop", NULL};
static const char *const scalings[] = {"none", "linear", "sqrt", NULL};
static const char *const schedules[] = {"constant", "linear",      "cosine",
                                        "step",     "exponential", NULL};
static const char *const libraries[] = {"auto", "openblas", "onednn", NULL};
static const char *const precisions[] = {"fp32", "bf16", NULL};
static const char *const updates[] = {"alternating", "simultaneous", NULL};
static const char *const sums[] = {"auto", "allreduce", "window", NULL};
static const char *const wires[] = {"fp32", "bf16", NULL};
static const char *const nonfinite[] = {"stop", "skip", "rollback", NULL};

/* Short names, so that a row fits its line. */
#define BOOL   GAN_OPTION_BOOL
#define INT    GAN_OPTION_INT
#define REAL   GAN_OPTION_REAL
#define STRING GAN_OPTION_STRING
#define CHOICE GAN_OPTION_CHOICE
#define INTS   GAN_OPTION_INTS
#define LAYERS GAN_OPTION_LAYERS
#define ABOVE  GAN_OPTION_ABOVE
#define BELOW  GAN_OPTION_BELOW
#define UNSET  GAN_OPTION_UNSET
#define FREE   GAN_OPTION_FREE
#define AUTO   GAN_OPTION_AUTO

/* clang-format off */
static const gan_option rows[] = {
  {"name", STRING, AT(name), "null", 0, 0, NULL, UNSET | FREE, "",
   "name of the run; the run folder is runs/<name>; default: the config file's name"},
  {"seed", INT, AT(seed), "1", 0, 9e18, NULL, 0, "",
   "seed of all randomness: weights, order of the data, noise, dropout"},
  {"task", CHOICE, AT(task), "gan", 0, 0, tasks, 0, "",
   "what is trained: gan is a generator against a discriminator; classifier tells the labels; "
   "vae is an encoder to a law of z and a decoder from it (Kingma and Welling 2014)"},

  {"data.path", STRING, AT(data.path), NULL, 0, 0, NULL, FREE, "",
   "IDX file or folder (plain or .gz), CIFAR-10 file or folder (.bin or .bin.gz), HDF5 file, "
   "builtin:digits, points in the plane (builtin:ring, builtin:grid, builtin:swiss_roll; with their "
   "numbers builtin:ring:MODES:RADIUS:DEVIATION, builtin:grid:SIDE:SPACING:DEVIATION, "
   "builtin:swiss_roll:DEVIATION:SCALE; 100000 of them, or xCOUNT behind), "
   "synthetic:NxHxWxC (noise, for measurements), or a name looked up under "
   "$MPIGAN_DATA and /usr/share/datasets"},
  {"data.test", STRING, AT(data.test), "null", 0, 0, NULL, UNSET | FREE, "",
   "tasks classifier and vae: data that is held out, a path or name as data.path, for test_loss "
   "and, of a classifier, test_accuracy; of a folder with MNIST's four files the images: "
   "mnist/t10k-images-idx3-ubyte.gz, whose labels are found beside it"},
  {"data.images", STRING, AT(data.images), "images", 0, 0, NULL, FREE, "",
   "HDF5: the dataset with the samples, (N,H,W), (N,H,W,C), (N,C,H,W) or (N,D)"},
  {"data.labels", STRING, AT(data.labels), "labels", 0, 0, NULL, FREE, "",
   "HDF5: the dataset with the labels, (N); it need not exist"},
  {"data.classes", INTS, AT(data.classes), "null", 0, INT32_MAX - 1, NULL, UNSET, "",
   "only rows of these labels are trained on; class 0 of the run is the first of them, and so on; "
   "default: all rows"},
  {"data.layout", CHOICE, AT(data.layout), "auto", 0, 0, layouts, 0, "",
   "HDF5 images of four dimensions: channels last (nhwc) or first (nchw); auto: the side that "
   "has 1, 3 or 4; an error where both have"},
  {"data.range", CHOICE, AT(data.range), "auto", 0, 0, ranges, 0, "",
   "values that the networks see: unit is [0, 1], symmetric [-1, 1], none as stored; auto: by "
   "the generator's last activation (sigmoid: unit, tanh: symmetric, else none); for a task that "
   "generates nothing, and a Bernoulli likelihood, unit"},
  {"data.shards", INT, AT(data.shards), "null", 1, 65536, NULL, UNSET, "",
   "logical pieces of the data, the unit that ranks own; divides train.batch; the most ranks "
   "that a run can use; default: the largest divisor of train.batch up to 16; behind "
   "train.batch_per_rank up to the number of ranks where that is more, and the same for each rank"},
  {"data.cache", CHOICE, AT(data.cache), "memory", 0, 0, caches, 0, "",
   "memory: each rank holds its part of the data; stream: each rank reads its part of an HDF5 file "
   "as it goes, for data larger than memory; the two give other orders of the samples"},
  {"data.buffer_mb", REAL, AT(data.buffer_mb), "64", 0, 1048576, NULL, ABOVE, "MiB",
   "stream: the most of the data that a rank holds; it decides how far samples are shuffled (all "
   "shards' windows, used and next, fit in it), so a run cannot be continued with another value"},
  {"data.flip", BOOL, AT(data.flip), "false", 0, 0, NULL, FREE, "",
   "real images are mirrored left to right with probability 1/2, drawn anew each epoch"},
  {"data.crop_padding", INT, AT(data.crop_padding), "0", 0, 4096, NULL, FREE, "pixels",
   "real images are padded by so many pixels of the data's lowest value on each side, and a piece of "
   "their own size is cut out at random, anew each epoch; 0: not"},

  {"model.latent", INT, AT(model.latent), "64", 1, 1048576, NULL, 0, "numbers",
   "length of the noise vector z"},
  {"model.latent_distribution", CHOICE, AT(model.latent_distribution), "normal", 0, 0, latents, 0,
   "", "law of z: N(0, 1), or uniform on (-1, 1)"},
  {"model.init", CHOICE, AT(model.init), "pytorch", 0, 0, inits, 0, "",
   "initial weights: PyTorch's defaults, or normal: N(0, init_std), biases 0, batch-norm scales "
   "N(1, init_std)"},
  {"model.init_std", REAL, AT(model.init_std), "0.02", 0, 10, NULL, ABOVE, "",
   "standard deviation of init: normal"},
  {"model.init_std_d", REAL, AT(model.init_std_d), "null", 0, 10, NULL, ABOVE | UNSET, "",
   "the same of the discriminator, where it is another"},
  {"model.init_from", STRING, AT(model.init_from), "null", 0, 0, NULL, UNSET | FREE, "",
   "a checkpoint, or a run folder for its newest: a new run takes the weights and statistics from it "
   "whose network, name and shape are the same, and logs which are not"},
  {"model.classes", INT, AT(model.classes), "0", 0, 65536, NULL, 0, "classes",
   "task gan: K: the data's labels, 0 to K-1, condition both networks; 0: labels are not used"},
  {"model.label.generator", CHOICE, AT(model.label_g), "embedding", 0, 0, generator_labels, 0, "",
   "what is joined to z: the class as K zeros and a one, or a learned vector of it (embed.weight)"},
  {"model.label.embedding", INT, AT(model.label_units), "32", 1, 65536, NULL, 0, "numbers",
   "length of that vector"},
  {"model.label.discriminator", CHOICE, AT(model.label_d), "channels", 0, 0, discriminator_labels, 0,
   "", "channels: the class is joined to the sample, as K channels of zeros or ones (Mirza and "
   "Osindero 2014); projection: the logit gets the inner product of what reaches the last layer and "
   "a learned vector of the class (project.weight; Miyato and Koyama 2018); auxiliary: it tells the "
   "class by a head beside the last layer (classify.weight), and both networks learn from that too "
   "(Odena et al. 2017)"},
  {"model.label.auxiliary_weight", REAL, AT(model.label_weight), "1", 0, 1e6, NULL, ABOVE, "",
   "auxiliary: what the loss of the classes is multiplied by"},
  {"model.packing", INT, AT(model.packing), "1", 1, 64, NULL, 0, "samples",
   "the discriminator judges so many samples together, all real or all generated, as the channels of "
   "one: it sees when modes are missing (PacGAN: Lin et al. 2018); divides train.batch / data.shards; "
   "train.batch goes on counting samples, of which a loss is the mean over train.batch / packing "
   "packs (the paper's batches count packs: n there is n times packing here)"},
  {"model.generator", LAYERS, AT(model.generator), "null", 0, 0, NULL, UNSET, "",
   "task gan: layers from z to a sample, as in nn.Sequential"},
  {"model.discriminator", LAYERS, AT(model.discriminator), "null", 0, 0, NULL, UNSET, "",
   "task gan: layers from a sample to one raw logit"},
  {"model.classifier", LAYERS, AT(model.classifier), "null", 0, 0, NULL, UNSET, "",
   "task classifier: layers from a sample to one raw logit for each class"},
  {"model.encoder", LAYERS, AT(model.encoder), "null", 0, 0, NULL, UNSET, "",
   "task vae: layers from a sample to model.latent means and as many log-variances of z, in this "
   "order; with stochastic: false to z itself"},
  {"model.decoder", LAYERS, AT(model.decoder), "null", 0, 0, NULL, UNSET, "",
   "task vae: layers from z to a sample's means, or with a Bernoulli likelihood to raw logits: it "
   "ends without an activation then, and a sample is their sigmoid"},
  {"model.likelihood", CHOICE, AT(model.likelihood), "bernoulli", 0, 0, likelihoods, 0, "",
   "task vae: law of a sample's numbers, each of its own, given z: bernoulli is the cross entropy "
   "of values in [0, 1], gaussian is normal around what the decoder gives, by train.decoder_std"},
  {"model.stochastic", BOOL, AT(model.stochastic), "true", 0, 0, NULL, 0, "",
   "task vae: z is drawn from the law that the encoder gives, which is held to N(0, 1); false: z is "
   "what the encoder gives, a plain autoencoder, whose codes nothing holds to the law from which "
   "samples are drawn: look at `mpigan sample --reconstruct`"},

  {"train.batch", INT, AT(train.batch), "128", 1, 16777216, NULL, FREE, "samples",
   "the global batch of one update, over all ranks; give this or train.batch_per_rank"},
  {"train.microbatch", INT, AT(train.microbatch), "null", 1, 16777216, NULL, UNSET | FREE,
   "samples",
   "the most samples that a rank takes through the networks at once: bounds the memory of "
   "activations; larger shares of a batch go in pieces whose gradients add up, with as many "
   "generated samples beside them where the discriminator sees both in one pass"},
  {"train.batch_per_rank", INT, AT(train.batch_per_rank), "null", 1, 16777216, NULL, UNSET | FREE,
   "samples",
   "train.batch is this times the number of ranks; the saved config holds the product, so it gives "
   "the same run on any number of ranks"},
  {"train.steps", INT, AT(train.steps), "null", 1, 1e15, NULL, UNSET | FREE, "steps",
   "length of the run in steps; give this or train.epochs"},
  {"train.epochs", REAL, AT(train.epochs), "null", 0, 1e9, NULL, ABOVE | UNSET | FREE, "epochs",
   "length of the run in passes over the data; give this or train.steps"},
  {"train.objective", CHOICE, AT(train.objective), "non_saturating", 0, 0, objectives, 0, "",
   "what the two networks learn from, by the discriminator's logit x, D = sigmoid(x): non_saturating "
   "(generator: -log D) and minimax (log(1 - D)) of Goodfellow et al. 2014; hinge (Lim and Ye 2017); "
   "least_squares (Mao et al. 2017; x itself is pulled to 1 and 0); wasserstein (Arjovsky et al. "
   "2017; x is a critic's score, whose slope must be held: see train.weight_clip); relativistic (the "
   "average kind of Jolicoeur-Martineau 2018: D = sigmoid(x - mean x of the other side's batch), and the "
   "generator learns from data too). d_real and d_fake are means of D; of x cut to [0, 1] with "
   "least_squares; a critic's sigmoid is no probability"},
  {"train.weight_clip", REAL, AT(train.weight_clip), "null", 0, 1e6, NULL, ABOVE | UNSET | FREE, "",
   "objective wasserstein: behind each of its updates all weights of the discriminator are cut to "
   "-weight_clip..weight_clip; the paper has 0.01, with train.optimizer.type rmsprop, learning rates "
   "of 5e-5 and train.d_steps 5; default: they are not"},
  {"train.beta", REAL, AT(train.beta), "1", 0, 1e6, NULL, FREE, "",
   "task vae: what the divergence of z's law from N(0, 1) counts for (Higgins et al. 2017); 1 is the "
   "evidence bound; test_loss has 1 always"},
  {"train.kl_warmup_steps", INT, AT(train.kl_warmup_steps), "0", 0, 1e15, NULL, FREE, "steps",
   "task vae: beta grows linearly from 0 over the first so many steps"},
  {"train.decoder_std", REAL, AT(train.decoder_std), "1", 0, 1e6, NULL, ABOVE | FREE, "",
   "gaussian likelihood: standard deviation of a number around the decoder's, in the range that the "
   "networks see"},
  {"train.d_steps", INT, AT(train.d_steps), "1", 1, 1000, NULL, 0, "updates",
   "discriminator updates a step"},
  {"train.g_steps", INT, AT(train.g_steps), "1", 1, 1000, NULL, 0, "updates",
   "generator updates a step"},
  {"train.update", CHOICE, AT(train.update), "alternating", 0, 0, updates, 0, "",
   "alternating: the generator learns from the discriminator that has just learnt, from samples of "
   "its own; simultaneous: both learn at the same weights, from one forward pass of the same samples, "
   "one update each a step"},
  {"train.reuse_fakes", BOOL, AT(train.reuse_fakes), "false", 0, 0, NULL, 0, "",
   "the generator's first update of a step learns from the samples that the discriminator has just "
   "learnt to tell, as the DCGAN reference code has it, in place of fresh ones: one forward pass of "
   "the generator less, and its batch norms see one batch less; a rank's samples must pass in one "
   "piece"},
  {"train.penalty.type", CHOICE, AT(train.penalty), "none", 0, 0, penalties, 0, "",
   "what the discriminator pays for |g|, g the gradient of its logit by a sample: r1 weight / 2 |g|^2 "
   "at data, r2 at generated samples (Mescheder et al. 2018); wgan_gp weight (|g| - 1)^2 at random "
   "points between the two (Gulrajani et al. 2017), dragan around data (Kodali et al. 2017); its "
   "layers must not mix samples (batchnorm); layernorm and spectral_norm will do"},
  {"train.penalty.weight", REAL, AT(train.penalty_weight), "10", 0, 1e9, NULL, ABOVE | FREE, "",
   "gamma of r1 and r2, lambda of the others; 10 is what their papers have"},
  {"train.penalty.every", INT, AT(train.penalty_every), "1", 1, 1e6, NULL, 0, "updates",
   "each so many discriminator updates one has the penalty, multiplied by as much (Karras et al. "
   "2020, section 3.1); 16 costs little; d_penalty and d_penalty_norm are "
   "those of the last such update"},
  {"train.penalty.noise", REAL, AT(train.penalty_noise), "0.1", 0, 1e6, NULL, ABOVE | FREE, "",
   "dragan: standard deviation of what is added to each number of a sample, in the range that the "
   "networks see"},
  {"train.label_smoothing", REAL, AT(train.label_smoothing), "0", 0, 1, NULL, BELOW, "",
   "task classifier: so much of the target is taken from the label and shared among all classes "
   "(Szegedy et al. 2016); test_loss is without it"},
  {"train.label_real", REAL, AT(train.label_real), "1", 0.5, 1, NULL, ABOVE | FREE, "",
   "task gan: what the discriminator is to give for data; below 1, as 0.9, is one-sided label "
   "smoothing (Salimans et al. 2016, section 3.4), which keeps it from growing too sure; objectives "
   "non_saturating, minimax and least_squares"},
  {"train.label_fake", REAL, AT(train.label_fake), "0", 0, 0.5, NULL, BELOW | FREE, "",
   "task gan: what it is to give for generated samples; above 0 is the other side's smoothing, which "
   "Salimans et al. advise against: where there is no data, it rewards what is generated now; "
   "objectives as label_real"},
  {"train.label_flip", REAL, AT(train.label_flip), "0", 0, 0.5, NULL, BELOW | FREE, "",
   "task gan: the probability with which a sample, real or generated, has the other's target in an "
   "update of the discriminator, drawn anew for each; objectives as label_real"},
  {"train.instance_noise", REAL, AT(train.instance_noise), "0", 0, 1e6, NULL, FREE, "",
   "task gan: standard deviation, in the range that the networks see, of normal noise on each number "
   "that the discriminator sees, of data and of generated samples, which makes the two overlap "
   "(Sonderby et al. 2017; Arjovsky and Bottou 2017); samples are without it"},
  {"train.instance_noise_steps", INT, AT(train.instance_noise_steps), "null", 1, 1e15, NULL,
   UNSET | FREE, "steps",
   "instance_noise falls linearly to 0 over the first so many steps of the run; default: it stays"},
  {"train.optimizer.type", CHOICE, AT(train.optimizer), "adam", 0, 0, optimizers, 0, "",
   "optimizer of all networks, as PyTorch has it: adam; sgd, gradient descent with momentum; adamw, "
   "whose weight_decay goes beside the step (Loshchilov and Hutter 2019); rmsprop (Tieleman and Hinton "
   "2012), the first WGAN's"},
  {"train.optimizer.lr", REAL, AT(train.lr), "null", 0, 1e6, NULL, UNSET | FREE, "",
   "learning rate of tasks that have one for all networks (classifier, vae); default: 0.001"},
  {"train.optimizer.lr_d", REAL, AT(train.lr_d), "0.0002", 0, 1e6, NULL, FREE, "",
   "learning rate of the discriminator"},
  {"train.optimizer.lr_g", REAL, AT(train.lr_g), "0.0002", 0, 1e6, NULL, FREE, "",
   "learning rate of the generator"},
  {"train.optimizer.beta1", REAL, AT(train.beta1), "0.5", 0, 1, NULL, BELOW | FREE, "",
   "adam, adamw: decay of the mean of gradients (PyTorch has 0.9, which suits a classifier)"},
  {"train.optimizer.beta2", REAL, AT(train.beta2), "0.999", 0, 1, NULL, BELOW | FREE, "",
   "adam, adamw: decay of the mean of squared gradients"},
  {"train.optimizer.eps", REAL, AT(train.eps), "1e-8", 0, 1, NULL, ABOVE | FREE, "",
   "adam, adamw, rmsprop: added to the root of the mean of squares"},
  {"train.optimizer.alpha", REAL, AT(train.alpha), "0.99", 0, 1, NULL, BELOW | FREE, "",
   "rmsprop: decay of the mean of squared gradients"},
  {"train.optimizer.momentum", REAL, AT(train.momentum), "0", 0, 1, NULL, BELOW | FREE, "",
   "sgd: v = momentum v + gradient, weight -= learning rate v; rmsprop: the same, of the gradient "
   "divided by the root of its mean square"},
  {"train.optimizer.momentum_final", REAL, AT(train.momentum_final), "null", 0, 1, NULL,
   BELOW | UNSET | FREE, "", "sgd: what momentum becomes, linearly over the first momentum_steps"},
  {"train.optimizer.momentum_steps", INT, AT(train.momentum_steps), "null", 1, 1e15, NULL,
   UNSET | FREE, "updates", "sgd: updates of a network until momentum_final"},
  {"train.optimizer.nesterov", BOOL, AT(train.nesterov), "false", 0, 0, NULL, FREE, "",
   "sgd: weight -= learning rate (gradient + momentum v)"},
  {"train.optimizer.weight_decay", REAL, AT(train.weight_decay), "0", 0, 1e6, NULL, FREE, "",
   "adamw: each update takes learning rate * weight_decay of each weight away (PyTorch's default is "
   "0.01); the others add weight_decay * weight to the gradient, L2; of all weights, biases and "
   "scales too, as in PyTorch"},
  {"train.ema.decay", REAL, AT(train.ema.decay), "null", 0, 1, NULL, BELOW | UNSET | FREE, "",
   "a moving average of the generator's weights is kept (generator_ema in checkpoints), which "
   "samples and evaluations use: after each of the generator's updates average = decay average + "
   "(1 - decay) weights (Yazici et al. 2019); running statistics are copied; give this or "
   "half_life_images; null: no average"},
  {"train.ema.half_life_images", REAL, AT(train.ema.half_life_images), "null", 0, 1e15, NULL,
   ABOVE | UNSET | FREE, "images", "the same by its half-life, in images that the generator learns "
   "from (train.batch an update): decay = 0.5^(train.batch / half-life) (Karras et al. 2018)"},
  {"train.ema.warmup", REAL, AT(train.ema.warmup), "0.05", 0, 1e6, NULL, FREE, "",
   "the half-life is at most this times the images so far, so the first weights are soon forgotten "
   "(Karras et al. 2020: 0.05); the first update copies; 0: no such bound"},
  {"train.clip_norm", REAL, AT(train.clip_norm), "null", 0, 1e30, NULL, ABOVE | UNSET | FREE, "",
   "a network's gradient whose norm is larger is scaled down to it before the optimizer's step "
   "(Pascanu et al. 2013, algorithm 1); of a vae the norm is that of both networks' together; the "
   "norms in metrics.jsonl are those before; default: none is"},
  {"train.lr_scaling", CHOICE, AT(train.lr_scaling), "none", 0, 0, scalings, FREE, "",
   "learning rates are multiplied by train.batch / train.base_batch (linear) or its root (sqrt)"},
  {"train.base_batch", INT, AT(train.base_batch), "null", 1, 16777216, NULL, UNSET | FREE,
   "samples", "the batch for which the learning rates are right as they stand; for lr_scaling"},
  {"train.lr_warmup_steps", INT, AT(train.lr_warmup_steps), "0", 0, 1e15, NULL, FREE, "steps",
   "learning rates grow linearly over the first so many steps of the run"},
  {"train.lr_schedule", CHOICE, AT(train.lr_schedule), "constant", 0, 0, schedules, FREE, "",
   "what becomes of the learning rates: linear and cosine go from the end of the warm-up to "
   "lr_final at step lr_decay_steps; step multiplies by lr_gamma each lr_step steps, exponential each "
   "step, down to lr_final"},
  {"train.lr_decay_steps", INT, AT(train.lr_decay_steps), "null", 1, 1e15, NULL, UNSET | FREE,
   "steps", "schedules linear and cosine: the step of the run at which lr_final is reached; "
   "default: the last one"},
  {"train.lr_final", REAL, AT(train.lr_final), "0", 0, 1, NULL, FREE, "",
   "schedules linear, cosine and exponential: what is left of the learning rates in the end, as a "
   "part of them"},
  {"train.lr_step", INT, AT(train.lr_step), "null", 1, 1e15, NULL, UNSET | FREE, "steps",
   "schedule step: steps from one decay to the next, counted from the start of the run"},
  {"train.lr_gamma", REAL, AT(train.lr_gamma), "0.1", 0, 1, NULL, ABOVE | FREE, "",
   "schedules step and exponential: the factor of each decay"},
  {"train.log_every", INT, AT(train.log_every), "50", 1, 1e15, NULL, FREE, "steps",
   "steps between lines of metrics.jsonl and, without a terminal, of the console"},
  {"train.test_every", INT, AT(train.test_every), "0", 0, 1e15, NULL, FREE, "steps",
   "steps between passes over data.test; 0: only at the end"},
  {"train.check_every", INT, AT(train.check_every), "1000", 0, 1e15, NULL, FREE, "steps",
   "steps between checks that all ranks hold the same state; 0: only before each checkpoint"},
  {"train.on_nonfinite", CHOICE, AT(train.on_nonfinite), "stop", 0, 0, nonfinite, FREE, "",
   "where a loss or gradient is not finite: stop ends the run (status 5); skip leaves that update "
   "out, with all that its passes would change, and draws on; rollback goes back to the newest "
   "checkpoint that verifies (before the first: to the first weights), with smaller learning rates "
   "and the same samples in the same order"},
  {"train.skip_max", INT, AT(train.skip_max), "10", 1, 1e15, NULL, FREE, "steps",
   "on_nonfinite skip: the most steps in a row that may have a skipped update; one more stops the "
   "run"},
  {"train.rollback_factor", REAL, AT(train.rollback_factor), "0.5", 0, 1, NULL, ABOVE | FREE, "",
   "on_nonfinite rollback: what each roll-back multiplies the learning rates by, for the rest of "
   "the run"},
  {"train.rollback_max", INT, AT(train.rollback_max), "3", 1, 1e6, NULL, FREE, "roll-backs",
   "on_nonfinite rollback: the most of them in a run; one more bad step stops it"},
  {"train.lock_wait_s", REAL, AT(train.lock_wait_s), "30", 0, 86400, NULL, FREE, "seconds",
   "how long a start waits for another run that holds the run folder"},
  {"train.watchdog_s", REAL, AT(train.watchdog_s), "300", 0, 1e6, NULL, FREE, "seconds",
   "how long no rank may get on while one waits for another, before the job ends with status 75 and "
   "names the one that is missing; longer than the longest work of one rank alone (reading the data, "
   "samples, writing to a slow disk); 0: for ever"},

  {"checkpoint.every_steps", INT, AT(checkpoint.every_steps), "1000", 0, 1e15, NULL, FREE, "steps",
   "steps between checkpoints; 0: none but those of every_minutes and of the last step"},
  {"checkpoint.every_minutes", REAL, AT(checkpoint.every_minutes), "0", 0, 1e6, NULL, FREE,
   "minutes", "time between checkpoints, by rank 0's clock, beside those of every_steps; 0: none"},
  {"checkpoint.keep_last", INT, AT(checkpoint.keep_last), "3", 1, 1000000, NULL, FREE, "files",
   "how many of the newest checkpoints are kept"},
  {"checkpoint.keep_every", INT, AT(checkpoint.keep_every), "0", 0, 1e15, NULL, FREE, "steps",
   "checkpoints at multiples of this are kept for good; 0: none"},

  {"samples.every_steps", INT, AT(samples.every_steps), "1000", 0, 1e15, NULL, FREE, "steps",
   "steps between sample files from the same fixed noise; 0: only the last step's"},
  {"samples.count", INT, AT(samples.count), "64", 1, 1048576, NULL, FREE, "samples",
   "samples in each of them"},

  {"eval.every_steps", INT, AT(eval.every_steps), "0", 0, 1e15, NULL, FREE, "steps",
   "tasks that generate: steps between evaluations of the model, as `mpigan eval` makes them, by all "
   "ranks; the last step has one too; each is a line of eval.jsonl; 0: none"},
  {"eval.data", STRING, AT(eval.data), "null", 0, 0, NULL, UNSET | FREE, "",
   "what the samples are held against, a path or name as data.path, read by its keys; default: the "
   "data that is trained on, as `mpigan eval` has it"},
  {"eval.features", STRING, AT(eval.features), "null", 0, 0, NULL, UNSET | FREE, "",
   "distances go by the penultimate activations of this classifier, a checkpoint or its run folder; "
   "default: by the data's first principal components"},
  {"eval.metrics", STRING, AT(eval.metrics), "null", 0, 0, NULL, UNSET | FREE, "",
   "which metrics, with commas between, as frechet,cover; `mpigan help eval` lists them; default: all "
   "that apply, most of whose time goes to kernel, cover and bins"},
  {"eval.count", INT, AT(eval.count), "10000", 10, INT32_MAX, NULL, FREE, "samples",
   "samples of an evaluation, and rows of the data, at most"},
  {"eval.buffer_mb", REAL, AT(eval.buffer_mb), "256", 0, 1048576, NULL, ABOVE | FREE, "MiB",
   "what a rank takes for blocks of rows and distances"},
  {"eval.best", STRING, AT(eval.best), "null", 0, 0, NULL, UNSET | FREE, "",
   "the figure to watch: a key of eval.jsonl, or a metric for its first one, as frechet; or test_loss "
   "or test_accuracy of train.test_every; whether less or more is better is the figure's own; the best "
   "step's checkpoint is kept, and checkpoints/best points to it"},
  {"eval.patience", INT, AT(eval.patience), "0", 0, 1e6, NULL, FREE, "evaluations",
   "the run stops early behind so many evaluations in a row that do not better eval.best; 0: never"},

  {"compute.library", CHOICE, AT(compute.library), "auto", 0, 0, libraries, FREE, "",
   "what multiplies: onednn takes the shapes on which it is faster, by a fixed rule that the start "
   "prints, and leaves the rest to OpenBLAS; auto: onednn where the build has it; another library "
   "gives other last bits"},
  {"compute.precision", CHOICE, AT(compute.precision), "fp32", 0, 0, precisions, FREE, "",
   "of what is multiplied; sums, weights, losses and statistics are always fp32 or better; bf16 "
   "wants onednn and a processor that multiplies it (AVX-512 with bf16, AMX), or it is fp32, and "
   "the start says so"},
  {"compute.emulate_bf16", BOOL, AT(compute.emulate_bf16), "false", 0, 0, NULL, FREE, "",
   "bf16 on a processor that does not multiply it, too: slow, for looking at its effect"},
  {"compute.threads", INT, AT(compute.threads), "auto", 1, 1024, NULL, AUTO | FREE, "threads",
   "threads a rank, which share matrix products (other numbers of threads give other last bits) and "
   "all passes over its batch; with compute.reproducible they share its shards, and the bits stay; "
   "auto: OMP_NUM_THREADS, else SLURM_CPUS_PER_TASK, else the cores that the rank is bound to, or "
   "its share of the node's; the least of all ranks'; the saved config holds the number"},
  {"compute.reproducible", BOOL, AT(compute.reproducible), "false", 0, 0, NULL, FREE, "",
   "the same bits on every number of ranks and threads: each shard's share of a batch is computed "
   "on its own and the sums are exact; slower (`mpigan bench reproducible` says by how much)"},

  {"comm.sum", CHOICE, AT(comm.sum), "auto", 0, 0, sums, FREE, "",
   "how gradients are summed over the ranks: allreduce is MPI's; window: the ranks of a node add up "
   "in memory that they share (/dev/shm), and only the nodes' sums go through MPI; auto: window "
   "where two ranks share a node and there is room, else allreduce; the two may differ in the last "
   "bits on more than two ranks"},
  {"comm.wire", CHOICE, AT(comm.wire), "fp32", 0, 0, wires, FREE, "",
   "bf16: gradients are rounded to bfloat16 on their way between the nodes (with allreduce between "
   "all ranks), added up in fp32, and rounded once more; half the bytes, 8 bits of precision"},
  {"comm.overlap", BOOL, AT(comm.overlap), "false", 0, 0, NULL, FREE, "",
   "sums of gradients begin, bucket by bucket, while the backward pass goes on; measure it where it is "
   "to run: it gains nothing inside a node or over TCP, whose bytes the same cores must move"},
  {"comm.share_weights", BOOL, AT(comm.share_weights), "false", 0, 0, NULL, FREE, "",
   "where the ranks of a node share memory, they hold one copy of weights and moments, and each rank "
   "updates its part of it: less memory and less work a rank, the same bits; but the replica check "
   "then compares nodes, not ranks, and cores of several sockets read from one socket's memory"},
  {"comm.bucket_mb", REAL, AT(comm.bucket_mb), "4", 0, 1024, NULL, ABOVE | FREE, "MiB",
   "overlap: gradients of whole layers, at least so many bytes of them, that are summed in one go; 1 MiB "
   "is enough for the first, so that something is under way soon"},
};
/* clang-format on */

_Static_assert(sizeof rows / sizeof *rows <= GAN_CONFIG_OPTIONS_MAX, "grow the origins");

gan_options gan_config_options(void) {
  return (gan_options){rows, (int)(sizeof rows / sizeof *rows)};
}

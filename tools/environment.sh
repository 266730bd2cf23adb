# Sourced by the other tools: lets MPI programs run as root (in a container) and on machines with
# fewer cores than ranks. Open MPI reads these variables (OMPI_: to version 4, PRTE_: from 5 on);
# other MPIs ignore them.
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
cores=$(nproc 2>/dev/null || echo 2)
if [ "$cores" -lt 4 ]; then
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 OMP_WAIT_POLICY=passive
  export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
fi

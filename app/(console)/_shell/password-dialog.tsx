"use client";
/** One's own password. Every other session of the account ends with the change. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { passwordChange } from "@/contract/objects.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { TextField } from "@/app/_ui/fields.tsx";
import { showProblem } from "@/app/_ui/form.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import { confirm } from "@/app/_ui/toast.ts";

export function PasswordDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const trpc = useTRPC();
  const form = useForm({ resolver: zodResolver(passwordChange), defaultValues: { current: "", password: "" } });
  const { errors } = form.formState;
  const close = () => {
    form.reset();
    onClose();
  };
  const change = useMutation(
    trpc.user.changePassword.mutationOptions({
      onSuccess: () => {
        confirm("Password changed. Your other sessions have ended.");
        close();
      },
      onError: (error) => showProblem(form, error),
    }),
  );
  const submit = form.handleSubmit((values) => change.mutate(values));
  return (
    <Dialog
      isOpen={isOpen}
      onClose={close}
      title="Change password"
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button look="primary" isBusy={change.isPending} onClick={() => void submit()}>
            Change password
          </Button>
        </>
      }
    >
      <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
        {errors.root?.message && <Notice tone="fault" isAlert title={errors.root.message} />}
        <TextField label="Current password" type="password" autoComplete="current-password" error={errors.current?.message} {...form.register("current")} />
        <TextField label="New password" type="password" autoComplete="new-password" hint="At least 12 characters." error={errors.password?.message} {...form.register("password")} />
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
